import { parsePath } from '../model/path.ts';
import { parseBoolean, parseInteger } from '../model/quantity.ts';
import { shown, token, type Parsed, type Token } from '../model/token.ts';
import { option, type OptionTable } from './option.ts';
import { parseList } from './parsers.ts';

const statuses: readonly number[] = [301, 302, 307, 308];

/** Redirects, mostly to HTTPS. Annotations of the same name change them for one Ingress. */
export const redirects = {
  'ssl-redirect': option({
    parse: parseBoolean,
    default: true,
    description: 'Whether plain HTTP is sent to HTTPS on hosts that have a certificate.',
  }),
  'force-ssl-redirect': option({
    parse: parseBoolean,
    default: false,
    description: 'Whether plain HTTP is sent to HTTPS on all hosts.',
  }),
  'preserve-trailing-slash': option({
    parse: parseBoolean,
    default: false,
    description: 'Whether these redirects keep the slash at the end of the URI.',
  }),
  'use-port-in-redirects': option({
    parse: parseBoolean,
    default: false,
    description: 'Whether redirects name the port.',
  }),
  'relative-redirects': option({
    parse: parseBoolean,
    default: false,
    description: "Whether nginx's own redirects name no host.",
  }),
  'http-redirect-code': option({
    parse: parseRedirectStatus,
    default: 308,
    description: 'The status of redirects to HTTPS and to `www`: 301, 302, 307 or 308.',
  }),
  'no-tls-redirect-locations': option<readonly Token<'path'>[]>({
    parse: parsePrefixes,
    default: [token('path', '/.well-known/acme-challenge')],
    description:
      'Paths, with all that begin with them, that are not redirected to HTTPS; separated by commas.',
  }),
} satisfies OptionTable;

function parseRedirectStatus(text: string): Parsed<number> {
  const parsed = parseInteger(text, 301, 308);
  return 'value' in parsed && statuses.includes(parsed.value)
    ? parsed
    : { error: `${shown(text)} is not allowed: write one of ${statuses.join(', ')}` };
}

/** Reads absolute paths, separated by commas. */
export function parsePrefixes(text: string): Parsed<readonly Token<'path'>[]> {
  return parseList(text, parsePath);
}
