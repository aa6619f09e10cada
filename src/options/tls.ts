import { described, flag, integer } from '../model/grammar.ts';
import { shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { keyword } from '../model/words.ts';
import { option, type OptionTable } from './option.ts';
import { durationOption, namespacedName, sizeOption, someOf, type NamedObject } from './parsers.ts';

const protocols: readonly string[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/** TLS to clients, for all hosts. */
export const tls = {
  'ssl-protocols': option<readonly Token<'keyword'>[]>({
    ...someOf(protocols),
    default: [keyword('TLSv1.2'), keyword('TLSv1.3')],
    description: 'Versions of TLS, separated by blanks.',
  }),
  'ssl-ciphers': option({
    ...described(parseCiphers, {
      name: 'ciphers',
      allowed: "names of OpenSSL's, separated by colons",
      samples: ['HIGH:!aNULL'],
    }),
    default: token(
      'text',
      'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256',
    ),
    description: "Ciphers up to TLS 1.2, in OpenSSL's form.",
  }),
  'ssl-ecdh-curve': option<Token<'text'> | null>({
    ...described(parseCurves, {
      name: 'curves',
      allowed: 'names separated by colons, or auto',
      samples: ['auto', 'X25519:prime256v1'],
    }),
    default: null,
    description: "Curves, separated by colons, or `auto`. Default: nginx's own, which is `auto`.",
  }),
  'ssl-session-cache': option({
    ...flag,
    default: true,
    description: 'Whether workers share a cache of TLS sessions.',
  }),
  'ssl-session-cache-size': sizeOption('10m', 'Size of that cache.'),
  'ssl-session-timeout': durationOption('10m', 'How long a TLS session may be taken up again.'),
  'ssl-session-tickets': option({
    ...flag,
    default: false,
    description: 'Whether TLS sessions are taken up again by tickets.',
  }),
  'ssl-buffer-size': sizeOption('4k', 'The buffer for answers over TLS.'),
  'ssl-dh-param': option<NamedObject | null>({
    ...namespacedName,
    default: null,
    description:
      'A Secret (`namespace/name`) with parameters for DHE ciphers under `dhparam.pem`. Without them no such cipher is used.',
  }),
  'enable-ocsp': option({
    ...flag,
    default: false,
    description:
      'Whether the state of certificates is asked of their authorities and sent along (OCSP stapling). It takes a certificate with its chain, and a name server.',
  }),
  'ssl-early-data': option({
    ...flag,
    default: false,
    description: 'Whether TLS 1.3 early data is taken; such requests can be replayed.',
  }),
  'ssl-reject-handshake': option({
    ...flag,
    default: false,
    description: 'Whether handshakes for names that no host has are refused.',
  }),
  hsts: option({
    ...flag,
    default: true,
    description: 'Whether answers over HTTPS have the header `Strict-Transport-Security`.',
  }),
  'hsts-max-age': option({
    ...integer(0, 10_000_000_000),
    default: 31_536_000,
    description: 'Its `max-age` in seconds.',
  }),
  'hsts-include-subdomains': option({
    ...flag,
    default: true,
    description: 'Its `includeSubDomains`.',
  }),
  'hsts-preload': option({ ...flag, default: false, description: 'Its `preload`.' }),
} satisfies OptionTable;

const isCipherList = whole('[A-Za-z0-9!+@=:_-]{1,2000}');
const isCurveList = whole('[A-Za-z0-9:_-]{1,500}');

/** Reads OpenSSL's list of ciphers; whether OpenSSL knows them only nginx can say. */
export function parseCiphers(text: string): Parsed<Token<'text'>> {
  return isCipherList(text.trim())
    ? { value: token('text', text.trim()) }
    : { error: `${shown(text)} is not a list of ciphers: write names of OpenSSL's, separated by ":"` };
}

function parseCurves(text: string): Parsed<Token<'text'>> {
  return isCurveList(text.trim())
    ? { value: token('text', text.trim()) }
    : { error: `${shown(text)} is not a list of curves: write names separated by ":", or auto` };
}
