import { parseAuthorities } from '../model/authorities.ts';
import { choice, described, flag, integer } from '../model/grammar.ts';
import { headerName } from '../model/header.ts';
import type { RequestHeader } from '../model/model.ts';
import { parseServerRegex } from '../model/path-regex.ts';
import { readPem } from '../model/pem.ts';
import { parseBoolean } from '../model/quantity.ts';
import { schemeOutsideRegex } from '../model/regex.ts';
import { SecretValue } from '../model/secret-value.ts';
import { refused, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { expression, identifier, keyword } from '../model/words.ts';
import { hashOf, type Settings, type Told } from './additions.ts';
import type { FoundSecret, MemberContext, ServerContext } from './context.ts';
import { isWithoutAuth } from './no-auth.ts';
import { annotation, definePlugin, type ServerAdditions } from './plugin.ts';

type Verify = 'on' | 'off' | 'optional' | 'optional_no_ca';

const isUrl = whole('https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/?&=-]*)?');

/**
 * A value that the whole host depends on is judged where the host is: an Ingress that is refused for it would leave
 * the routes of others on that host with less protection than was asked for.
 */
interface Judged<T> {
  readonly read: Parsed<T>;
}

const table = {
  'auth-tls-secret': annotation<string | null>({
    ...described((text) => ({ value: text.trim() }), {
      name: 'Secret',
      allowed: 'the namespace and name of a Secret as namespace/name',
      samples: ['default/authorities'],
    }),
    default: null,
    risk: 'Medium',
    scope: 'server',
    protective: true,
    description:
      'The Secret (namespace/name) with the authorities of client certificates, ca.crt, and ca.crl.',
  }),
  'auth-tls-verify-client': annotation<Verify>({
    ...choice<Verify>(['on', 'off', 'optional', 'optional_no_ca']),
    default: 'on',
    risk: 'Medium',
    scope: 'server',
    protective: true,
    description: 'Whether clients must show a certificate: on, off, optional or optional_no_ca.',
  }),
  'auth-tls-verify-depth': annotation<number>({
    ...integer(0, 100),
    default: 1,
    scope: 'server',
    protective: true,
    description: 'How long the chain of certificates may be.',
  }),
  'auth-tls-error-page': annotation<Judged<Token<'text'>> | null>({
    ...described((text) => ({ value: { read: parseErrorPage(text) } }), {
      name: 'URL',
      allowed: 'http:// or https://, a host and a path',
      samples: ['https://example.com/certificate'],
    }),
    default: null,
    risk: 'High',
    scope: 'server',
    protective: true,
    description: 'The URL that clients without a valid certificate are sent to.',
  }),
  'auth-tls-pass-certificate-to-upstream': annotation<Judged<boolean>>({
    ...described((text) => ({ value: { read: parseBoolean(text) } }), {
      name: flag.type.name,
      allowed: flag.type.allowed,
      samples: flag.type.samples,
    }),
    default: { read: { value: false } },
    scope: 'server',
    protective: true,
    description: 'Whether backends get the certificate in the header ssl-client-cert.',
  }),
  'auth-tls-match-cn': annotation<Judged<Token<'regex'>> | null>({
    ...described((text) => ({ value: { read: parseCommonName(text) } }), {
      name: 'regular expression',
      allowed: 'CN= and a regular expression',
      samples: ['CN=client'],
    }),
    default: null,
    risk: 'High',
    scope: 'server',
    protective: true,
    description: 'CN= and a regular expression that the subject of the certificate must match.',
  }),
};

type Server = ServerContext<typeof table>;
type Member = MemberContext<typeof table>;

/** What of a host's clients is asked for, files and all. */
interface Authorities {
  readonly ca: Token<'file'>;
  readonly crl: Token<'file'> | null;
}

/**
 * Asks the clients of a host for certificates. The oldest Ingress with authorities decides for the host, as in
 * ingress-nginx; without them, or with any value that cannot be read, all of the host answers 503.
 */
export const clientCertificate = definePlugin({
  name: 'client-certificate',
  order: 440,
  annotations: table,
  ingress({ settings, given, field }) {
    if (settings['auth-tls-secret'] !== null) {
      return {};
    }
    const differences = given.map((name) => ({
      field: field(name) ?? '',
      message: 'has no effect without auth-tls-secret: set it, or remove this',
    }));
    return { differences };
  },
  server(server) {
    const asking = server.members.filter(({ settings }) => settings['auth-tls-secret'] !== null);
    const [first, ...others] = asking;
    if (first === undefined) {
      return {};
    }
    const reasons = faultsOf(first, server);
    const authorities = readAuthorities(first);
    if (refused(authorities)) {
      const message = `${authorities.error}; until then all of the host answers 503`;
      reasons.push({ field: first.field('auth-tls-secret') ?? '', message });
    }
    const deny = others.flatMap((other) => lessThanAsked(first, other));
    const differences = others.flatMap((other) => contradiction(first, other));
    if (refused(authorities) || reasons.length > 0) {
      return { close: [{ object: first.object, reasons }], deny, differences };
    }
    return { ...asked(first, server, authorities.value), deny, differences };
  },
  http(_used, { servers }) {
    const guards = new Map(
      servers.flatMap((settings): [string, Settings][] => {
        const guard = settings['guard'] as { readonly name: Token<'identifier'> } | null;
        return guard === null ? [] : [[guard.name.text, { ...guard }]];
      }),
    );
    const sorted = [...guards].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, guard]) => guard);
    return sorted.length === 0 ? null : { guards: sorted };
  },
  proves: (_slot, { verify, guard, match }) => [
    'ssl_client_certificate',
    ...((verify as Token).text === 'off' ? [] : ['ssl_verify_client']),
    ...(guard === null && match === null ? [] : ['if']),
  ],
});

/** What cannot be read of the Ingress that decides, or cannot be done. */
function faultsOf({ settings, field }: Member, { capabilities }: Server): Reason[] {
  const names = [
    'auth-tls-error-page',
    'auth-tls-pass-certificate-to-upstream',
    'auth-tls-match-cn',
  ] as const;
  const faults = names.flatMap((name): Reason[] => {
    const read: Parsed<unknown> | undefined = settings[name]?.read;
    return read === undefined || !refused(read)
      ? []
      : [{ field: field(name) ?? '', message: `${read.error}; all of the host answers 503` }];
  });
  const noTls = {
    field: field('auth-tls-secret') ?? '',
    message: 'needs an nginx with TLS: all of the host answers 503',
  };
  return capabilities.ssl ? faults : [...faults, noTls];
}

function readAuthorities(member: Member): Parsed<Authorities> {
  const secret = member.secret(member.settings['auth-tls-secret'] ?? '', 'full');
  if (refused(secret)) {
    return secret;
  }
  const { key } = secret.value;
  const text = valueOf(secret.value, 'ca.crt');
  const ca =
    text === null ? { error: 'is missing: store the authorities there as PEM' } : parseAuthorities(text);
  if (refused(ca)) {
    return { error: `${key} ca.crt ${ca.error}` };
  }
  const list = valueOf(secret.value, 'ca.crl');
  const crl: Parsed<SecretValue | null> = list === null ? { value: null } : parseRevocations(list);
  if (refused(crl)) {
    return { error: `${key} ca.crl ${crl.error}` };
  }
  function fileOf(content: SecretValue): Token<'file'> {
    return member.file({ folder: 'certificates', content, extension: 'pem', objects: [key] });
  }
  return { value: { ca: fileOf(ca.value), crl: crl.value === null ? null : fileOf(crl.value) } };
}

function asked({ object, settings }: Member, server: Server, { ca, crl }: Authorities): ServerAdditions {
  const verify = settings['auth-tls-verify-client'];
  const match = valueRead(settings['auth-tls-match-cn']);
  const depth = settings['auth-tls-verify-depth'];
  const passes = valueRead(settings['auth-tls-pass-certificate-to-upstream']) === true;
  return {
    ownTls: true,
    server: {
      ca,
      crl,
      verify: keyword(verify),
      depth: depth === 0 ? 1 : depth,
      errorPage: valueRead(settings['auth-tls-error-page']),
      match,
      guard: verify === 'on' || match !== null ? guardOf(server) : null,
      status: server.tls ? server.options['http-redirect-code'] : null,
      origin: object,
    },
    requestHeaders: [
      ...told('ssl-client-verify', expression`$ssl_client_verify`),
      ...told('ssl-client-subject-dn', expression`$ssl_client_s_dn`),
      ...told('ssl-client-issuer-dn', expression`$ssl_client_i_dn`),
      ...(passes ? told('ssl-client-cert', expression`$ssl_client_escaped_cert`) : []),
    ],
  };
}

/** Nobody shows a certificate over plain HTTP: only paths that rules have for those who cannot are open there. */
function guardOf({ paths, options }: Server): { name: Token<'identifier'>; pattern: Token<'regex'> } {
  const open = paths
    .filter((path) => isWithoutAuth(path, options))
    .sort((a, b) => (a.text < b.text ? -1 : 1));
  const pattern = schemeOutsideRegex('http', open);
  return { name: identifier(`needs_certificate_${hashOf(pattern)}`), pattern };
}

function told(name: string, value: Token): RequestHeader[] {
  return [{ name: headerName(name), value }];
}

/**
 * A host has one set of authorities. An Ingress that asks for others, or for more, is closed: ingress-nginx serves it
 * with what an older one asks for.
 */
function lessThanAsked(first: Member, other: Member): Told[] {
  const { settings } = other;
  const strict = ['off', 'optional_no_ca', 'optional', 'on'];
  const verify = 'auth-tls-verify-client';
  const less = [
    settings['auth-tls-secret'] === first.settings['auth-tls-secret'] ? null : 'auth-tls-secret',
    strict.indexOf(settings[verify]) > strict.indexOf(first.settings[verify]) ? verify : null,
    isSame('auth-tls-match-cn', first, other) || settings['auth-tls-match-cn'] === null
      ? null
      : 'auth-tls-match-cn',
  ] as const;
  const reasons = less.flatMap((name): Reason[] => {
    const field = name === null ? null : (other.field(name) ?? other.field('auth-tls-secret') ?? '');
    const message = `cannot hold beside ${first.object}, which is older and decides for the host: its routes answer 503; use the same value`;
    return field === null ? [] : [{ field, message }];
  });
  return reasons.length === 0 ? [] : [{ object: other.object, reasons }];
}

function isSame(name: keyof typeof table, first: Member, other: Member): boolean {
  return JSON.stringify(other.settings[name]) === JSON.stringify(first.settings[name]);
}

/** Which of another Ingress's values do not hold, and do no harm. */
function contradiction(first: Member, other: Member): Told[] {
  const names = [
    'auth-tls-verify-depth',
    'auth-tls-error-page',
    'auth-tls-pass-certificate-to-upstream',
  ] as const;
  const reasons = names
    .filter((name) => other.given.includes(name) && !isSame(name, first, other))
    .map((name) => ({
      field: other.field(name) ?? '',
      message: `has no effect: the value of ${first.object} holds for the host, which is older`,
    }));
  return reasons.length === 0 ? [] : [{ object: other.object, reasons }];
}

function valueRead<T>(judged: Judged<T> | null): T | null {
  return judged === null || refused(judged.read) ? null : judged.read.value;
}

function valueOf({ data }: FoundSecret, name: string): SecretValue | null {
  return Object.hasOwn(data, name) ? (data[name] ?? null) : null;
}

function parseRevocations(text: SecretValue): Parsed<SecretValue> {
  const lists = readPem(text.reveal())?.filter(({ label }) => label === 'X509 CRL') ?? [];
  return lists.length === 0
    ? { error: 'has no whole "-----BEGIN X509 CRL-----" block: store the list as PEM, or remove the key' }
    : { value: new SecretValue(lists.map((block) => block.text).join('')) };
}

/** A page of the host itself would be a way around the certificate, and names of locations are not known. */
function parseErrorPage(text: string): Parsed<Token<'text'>> {
  const url = text.trim();
  return isUrl(url)
    ? { value: token('text', url) }
    : { error: `${shown(text)} is not the URL of a page: write http:// or https://, a host and a path` };
}

function parseCommonName(text: string): Parsed<Token<'regex'>> {
  const pattern = text.trim();
  return pattern.startsWith('CN=') && pattern.length > 'CN='.length
    ? parseServerRegex(pattern)
    : { error: `${shown(text)} does not begin with CN= and a regular expression` };
}
