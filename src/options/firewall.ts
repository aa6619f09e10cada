import { described, flag } from '../model/grammar.ts';
import { parseSecRules } from '../model/sec-rules.ts';
import type { Token } from '../model/token.ts';
import { option, type OptionTable } from './option.ts';

/** ModSecurity for all requests: it takes an nginx with that module, and closes every route on another. */
export const firewall = {
  'enable-modsecurity': option({
    ...flag,
    default: false,
    keepsOut: () => true,
    description:
      'Whether ModSecurity looks at all requests, with the rules of `modsecurity-snippet` or those that lie beside nginx.',
  }),
  'enable-owasp-modsecurity-crs': option({
    ...flag,
    default: false,
    keepsOut: () => true,
    description: 'Whether the OWASP Core Rule Set that lies beside nginx is among them.',
  }),
  'modsecurity-snippet': option<Token<'snippet'> | null>({
    ...described((text) => parseSecRules(text, 'operator'), {
      name: 'rules',
      allowed: 'rules of ModSecurity that neither name files nor run programs',
      samples: ['SecRuleEngine On'],
    }),
    default: null,
    keepsOut: () => true,
    description: 'Rules of ModSecurity.',
  }),
} satisfies OptionTable;
