import { parseAuthorities } from '../model/authorities.ts';
import { parseCertificatePair } from '../model/certificate.ts';
import { choice, described, integer, textOf, tokenOf } from '../model/grammar.ts';
import { serviceVariables } from '../model/location-variables.ts';
import { requestText, requestTextExpression, type RequestText } from '../model/request-text.ts';
import type { SecretValue } from '../model/secret-value.ts';
import { refused, shown, type Parsed, type Token } from '../model/token.ts';
import { pattern } from '../model/value-type.ts';
import { keyword } from '../model/words.ts';
import { hashOf } from './additions.ts';
import type { FoundSecret } from './context.ts';
import { annotation, definePlugin, type IngressContext } from './plugin.ts';

const protocols = ['TLSv1.2', 'TLSv1.3'] as const;

const table = {
  'proxy-ssl-secret': annotation<string | null>({
    ...textOf({
      name: 'Secret',
      pattern: '[A-Za-z0-9._~/:-]+',
      fault: 'does not name a Secret',
      allowed: 'namespace/name',
      samples: ['default/backend-tls'],
    }),
    default: null,
    risk: 'Medium',
    scope: 'ingress',
    onInvalid: 'reject',
    protective: true,
    description:
      'The Secret (namespace/name) with the CA that backends are checked against (ca.crt) and our own certificate (tls.crt, tls.key).',
  }),
  'proxy-ssl-ciphers': annotation<Token<'text'> | null>({
    ...tokenOf({
      name: 'ciphers',
      pattern: '[A-Za-z0-9+:_!-]+',
      longest: 2000,
      fault: 'is no list of ciphers',
      allowed: 'names separated by ":"',
      samples: ['DEFAULT', 'HIGH:!aNULL'],
    }),
    default: null,
    risk: 'Medium',
    scope: 'ingress',
    description: 'The ciphers for backends.',
  }),
  'proxy-ssl-protocols': annotation<readonly (typeof protocols)[number][]>({
    ...described(parseProtocols, {
      name: 'words',
      allowed: 'TLSv1.2, TLSv1.3 or both',
      shape: pattern('(?:TLSv1\\.2|TLSv1\\.3)(?: +(?:TLSv1\\.2|TLSv1\\.3))*'),
      exact: true,
      samples: ['TLSv1.2', 'TLSv1.2 TLSv1.3'],
    }),
    default: ['TLSv1.2'],
    scope: 'ingress',
    description: 'The versions of TLS for backends: TLSv1.2, TLSv1.3.',
  }),
  'proxy-ssl-name': annotation<RequestText | null>({
    ...requestText({
      name: 'host',
      characters: 'A-Za-z0-9._-',
      allowed: 'a DNS name; variables of the request such as $host may stand in it',
      // Of others one connection, kept open, could be that of several names.
      more: serviceVariables,
      samples: ['backend.internal', '$host', '$service_name.$namespace.svc'],
    }),
    default: null,
    risk: 'High',
    scope: 'ingress',
    protective: true,
    onInvalid: 'deny',
    description: "The name that the backend's certificate must have, and that it is asked for.",
  }),
  'proxy-ssl-verify': annotation<'on' | 'off'>({
    ...choice(['on', 'off']),
    default: 'off',
    scope: 'ingress',
    protective: true,
    onInvalid: 'deny',
    description: "Whether the backend's certificate is checked: on or off.",
  }),
  'proxy-ssl-verify-depth': annotation<number>({
    ...integer(0, 100),
    default: 1,
    scope: 'ingress',
    description: 'How long the chain of certificates may be.',
  }),
  'proxy-ssl-server-name': annotation<'on' | 'off'>({
    ...choice(['on', 'off']),
    default: 'off',
    scope: 'ingress',
    description: 'Whether the backend is told the name (SNI): on or off.',
  }),
};

/** TLS to backends: whom to trust, what to show, which versions. */
export const proxySsl = definePlugin({
  name: 'proxy-ssl',
  order: 260,
  annotations: table,
  routes(route) {
    const { settings, field } = route;
    const asked = settings['proxy-ssl-secret'];
    const names = [
      'proxy-ssl-verify',
      'proxy-ssl-name',
      'proxy-ssl-server-name',
      'proxy-ssl-ciphers',
    ] as const;
    if (asked === null) {
      if (settings['proxy-ssl-verify'] === 'on') {
        const message =
          'needs proxy-ssl-secret with a CA (ca.crt) to check backends against: the routes answer 503';
        return { unavailable: [{ field: field('proxy-ssl-verify') ?? '', message }] };
      }
      const unused = names.filter((name) => field(name) !== null && settings[name] !== 'off');
      return {
        differences: unused.map((name) => ({
          field: field(name) ?? '',
          message: 'has no effect without proxy-ssl-secret',
        })),
      };
    }
    const set = field('proxy-ssl-secret') ?? '';
    const secret = route.secret(asked, 'full');
    const files = refused(secret) ? secret : filesOf(secret.value, route);
    if (refused(files)) {
      return { unavailable: [{ field: set, message: `${files.error}; the routes answer 503` }] };
    }
    const { ca, pair } = files.value;
    const verify = settings['proxy-ssl-verify'] === 'on';
    if (verify && ca === null) {
      const message = `needs ca.crt in the Secret ${asked} to check backends against: the routes answer 503`;
      return { unavailable: [{ field: field('proxy-ssl-verify') ?? '', message }] };
    }
    const name = settings['proxy-ssl-name'];
    const { 'proxy-ssl-ciphers': ciphers, 'proxy-ssl-verify-depth': depth } = settings;
    const location = {
      ca,
      pair,
      verify,
      depth: depth === 0 ? 1 : depth,
      ciphers,
      protocols: settings['proxy-ssl-protocols'].map((each) => keyword(each)),
      name: name === null ? null : requestTextExpression(name),
      serverName: settings['proxy-ssl-server-name'] === 'on',
      grpc: route.capabilities.grpc,
    };
    return { location, connections: hashOf(location) };
  },
  proves: (_slot, { verify, ca, grpc }) => [
    ...(verify === true ? ['proxy_ssl_verify', ...(grpc === true ? ['grpc_ssl_verify'] : [])] : []),
    ...(ca === null ? [] : ['proxy_ssl_trusted_certificate']),
  ],
});

interface Files {
  readonly ca: Token<'file'> | null;
  readonly pair: Token<'file'> | null;
}

function filesOf(secret: FoundSecret, route: IngressContext<typeof table>): Parsed<Files> {
  const ca = valueOf(secret, 'ca.crt');
  const certificate = valueOf(secret, 'tls.crt');
  const key = valueOf(secret, 'tls.key');
  const objects = [secret.key];
  let pair: Token<'file'> | null = null;
  if (certificate !== null && key !== null) {
    const parsed = parseCertificatePair(certificate, key);
    if ('fault' in parsed) {
      return { error: `${secret.key} cannot be used: ${parsed.fault.field} ${parsed.fault.message}` };
    }
    pair = route.file({ folder: 'certificates', content: parsed.value.pem, extension: 'pem', objects });
  }
  if (ca === null && pair === null) {
    return { error: `${secret.key} has neither ca.crt nor tls.crt with tls.key: store one of them` };
  }
  if (ca === null) {
    return { value: { ca, pair } };
  }
  const authorities = parseAuthorities(ca);
  if (refused(authorities)) {
    return { error: `${secret.key} cannot be used: ca.crt ${authorities.error}` };
  }
  const content = authorities.value;
  return { value: { ca: route.file({ folder: 'certificates', content, extension: 'pem', objects }), pair } };
}

function valueOf({ data }: FoundSecret, key: string): SecretValue | null {
  return Object.hasOwn(data, key) ? (data[key] ?? null) : null;
}

function parseProtocols(text: string): Parsed<readonly (typeof protocols)[number][]> {
  const words = text.trim().split(/ +/u);
  const unknown = words.find((word) => !protocols.some((protocol) => protocol === word));
  return unknown === undefined
    ? { value: protocols.filter((protocol) => words.includes(protocol)) }
    : { error: `${shown(unknown)} is not allowed: write TLSv1.2, TLSv1.3 or both` };
}
