import { choice, described, flag, mapped, type Grammar } from '../model/grammar.ts';
import { parsePath } from '../model/path.ts';
import { token, type Token } from '../model/token.ts';
import { option, type OptionTable } from './option.ts';
import { parseList } from './parsers.ts';

/** Absolute paths, separated by commas. */
export const prefixes: Grammar<readonly Token<'path'>[]> = described((text) => parseList(text, parsePath), {
  name: 'list of paths',
  allowed: 'absolute paths separated by commas',
  samples: ['/.well-known/acme-challenge', '/a, /b'],
});

const statuses = ['301', '302', '307', '308'] as const;

/** Redirects, mostly to HTTPS. Annotations of the same name change them for one Ingress. */
export const redirects = {
  'ssl-redirect': option({
    ...flag,
    default: true,
    description: 'Whether plain HTTP is sent to HTTPS on hosts that have a certificate.',
  }),
  'force-ssl-redirect': option({
    ...flag,
    default: false,
    description: 'Whether plain HTTP is sent to HTTPS on all hosts.',
  }),
  'preserve-trailing-slash': option({
    ...flag,
    default: false,
    description: 'Whether these redirects keep the slash at the end of the URI.',
  }),
  'use-port-in-redirects': option({
    ...flag,
    default: false,
    description: 'Whether redirects name the port.',
  }),
  'relative-redirects': option({
    ...flag,
    default: false,
    description: "Whether nginx's own redirects name no host.",
  }),
  'http-redirect-code': option({
    ...mapped(choice(statuses), Number),
    default: 308,
    description: 'The status of redirects to HTTPS and to `www`: 301, 302, 307 or 308.',
  }),
  'no-tls-redirect-locations': option<readonly Token<'path'>[]>({
    ...prefixes,
    default: [token('path', '/.well-known/acme-challenge')],
    description:
      'Paths, with all that begin with them, that are not redirected to HTTPS; separated by commas.',
  }),
} satisfies OptionTable;
