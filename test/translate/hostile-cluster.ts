import fc from 'fast-check';
import type { ClusterObject, Ingress, IngressBackend, Secret } from '../../src/cluster/objects.ts';
import { makeCertificate } from './certificates.ts';
import {
  endpoint,
  endpointPort,
  endpoints,
  ingressClass,
  meta,
  port,
  secret,
  service,
  slice,
} from './world.ts';

/** Text that breaks out where it is not treated as text. */
const hostile = fc.oneof(
  fc.constantFrom(
    '',
    '/',
    '"; } server { listen 81; } #',
    'a\nb',
    'x\r\n}',
    '${literal_dollar}',
    '$host',
    '\u2028',
    '\u0000',
    '../../etc/passwd',
    '{{x}}',
    '\\',
    "'",
    '*',
    '*.',
    '~ .*',
    'constructor',
    '__proto__',
    'toString',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ maxLength: 300 }),
);

function orHostile<T>(sound: fc.Arbitrary<T>): fc.Arbitrary<T | string> {
  return fc.oneof({ arbitrary: sound, weight: 24 }, { arbitrary: hostile, weight: 1 });
}

const names = orHostile(fc.constantFrom('a', 'b', 'c', 'a-b'));
const namespaces = orHostile(fc.constantFrom('default', 'default', 'default', 'x'));
const hosts = orHostile(fc.constantFrom('', 'a.example.com', 'b.example.com', '*.example.com'));
const paths = orHostile(fc.constantFrom('/', '/foo', '/foo/', '/foo/bar', '/a b', '/{x}', '/$1'));
const numbers = fc.oneof(
  { arbitrary: fc.constantFrom(80, 80, 8080), weight: 12 },
  { arbitrary: fc.constantFrom(443, 0, -1, 65_536, 1.5, Number.NaN), weight: 3 },
);
const pathTypes = orHostile(fc.constantFrom('Exact', 'Prefix', 'ImplementationSpecific'));

const certificate = makeCertificate({ names: ['a.example.com', '*.example.com'] });
const secretTexts = orHostile(
  fc.constantFrom(certificate.pem, certificate.keyPem, certificate.pem.slice(9), `\uFEFF${certificate.pem}`),
);

const annotationNames = orHostile(
  fc.constantFrom(
    'ssl-redirect',
    'force-ssl-redirect',
    'backend-protocol',
    'auth-url',
    'canary',
    'use-regex',
    'server-snippet',
    'whitelist-source-range',
    'use-port-in-redirects',
  ),
);
const annotations = fc.dictionary(
  fc
    .tuple(fc.constantFrom('nginx.ingress.kubernetes.io/', 'cloud-native-gateway.io/', ''), annotationNames)
    .map((parts) => parts.join('')),
  orHostile(fc.constantFrom('true', 'false', 'GRPC', 'HTTPS')),
  { maxKeys: 4 },
);

const portRefs = fc.oneof(
  { arbitrary: fc.constant({ name: null, number: 80 }), weight: 4 },
  { arbitrary: fc.record({ name: fc.option(names), number: fc.option(numbers) }), weight: 1 },
);
const resources = fc.record({ apiGroup: hostile, kind: hostile, name: hostile });
const backends: fc.Arbitrary<IngressBackend> = fc.oneof(
  {
    arbitrary: fc.record({
      service: fc.record({ name: names, port: portRefs }),
      resource: fc.constant(null),
    }),
    weight: 9,
  },
  { arbitrary: fc.record({ service: fc.constant(null), resource: fc.option(resources) }), weight: 1 },
);

const ages = fc.option(fc.constantFrom(1, 2, 3));

const ingresses: fc.Arbitrary<Ingress> = fc
  .record({
    name: names,
    namespace: namespaces,
    createdAt: ages,
    annotations,
    className: orHostile(fc.constantFrom('nginx', 'ours')).map((name) => (name === 'ours' ? null : name)),
    defaultBackend: fc.option(backends, { freq: 2 }),
    rules: fc.array(
      fc.record({
        host: hosts,
        paths: fc.option(
          fc.array(fc.record({ path: paths, pathType: fc.option(pathTypes), backend: backends }), {
            maxLength: 4,
          }),
        ),
      }),
      { maxLength: 3 },
    ),
    tls: fc.array(fc.record({ hosts: fc.array(hosts, { maxLength: 2 }), secretName: names }), {
      maxLength: 2,
    }),
  })
  .map(({ name, namespace, createdAt, annotations: given, ...spec }) => ({
    kind: 'Ingress',
    meta: meta(name, { namespace, createdAt, annotations: given }),
    ...spec,
  }));

const services = fc
  .record({
    name: names,
    namespace: namespaces,
    type: fc.constantFrom('ClusterIP', 'ClusterIP', 'ClusterIP', 'ExternalName', ''),
    externalName: orHostile(fc.constantFrom('api.example.net', 'localhost')),
    ports: fc.array(
      fc.record({
        name: fc.oneof(fc.constant(''), names),
        port: numbers,
        targetPort: fc.option(fc.oneof(numbers, names)),
        protocol: orHostile(fc.constantFrom('TCP', 'UDP')),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ name, ports, ...rest }) =>
    service(name, { ...rest, ports: ports.map((each) => port(each.port, { ...each })) }),
  );

const addresses = orHostile(
  fc.constantFrom('10.0.0.1', '10.0.0.2', '127.0.0.1', '::1', 'fd00::1', '169.254.169.254'),
);

const slices = fc
  .record({
    serviceName: names,
    name: names,
    namespace: namespaces,
    given: fc.array(fc.record({ ip: addresses, ready: fc.option(fc.boolean()) }), { maxLength: 3 }),
    ports: fc.array(fc.tuple(fc.option(numbers), fc.oneof(fc.constant(''), names)), { maxLength: 2 }),
  })
  .map(({ serviceName, given, ports, ...rest }) =>
    slice(
      serviceName,
      given.map(({ ip, ready }) => endpoint(ip, { ready })),
      { ...rest, ports: ports.map(([number, name]) => endpointPort(number, name)) },
    ),
  );

const classics = fc
  .tuple(names, fc.array(addresses, { maxLength: 2 }), numbers)
  .map(([name, list, number]) => endpoints(name, [{ addresses: list, ports: [endpointPort(number)] }]));

const secrets: fc.Arbitrary<Secret> = fc
  .tuple(names, secretTexts, secretTexts)
  .map(([name, crt, key]) => secret(name, { 'tls.crt': crt, 'tls.key': key }));

const classes = fc
  .constantFrom('example.com/ours', 'x')
  .map((controller) => ingressClass('ours', controller));

/** Something that works, so that hostile objects have what they can break. */
const base: readonly ClusterObject[] = [
  ...['a', 'b', 'c', 'a-b'].flatMap((name) => [
    service(name),
    slice(name, ['10.0.0.1', '10.0.0.2'], { name: `base-${name}` }),
  ]),
  secret('a', { 'tls.crt': certificate.pem, 'tls.key': certificate.keyPem }),
];

/** A cluster in which no two objects are the same one. */
export const clusters: fc.Arbitrary<ClusterObject[]> = fc
  .array(
    fc.oneof(
      { arbitrary: ingresses, weight: 5 },
      { arbitrary: services, weight: 3 },
      { arbitrary: slices, weight: 3 },
      { arbitrary: classics, weight: 1 },
      { arbitrary: secrets, weight: 2 },
      { arbitrary: classes, weight: 1 },
    ),
    { minLength: 4, maxLength: 30, size: 'max' },
  )
  .map((objects) => [
    ...new Map(
      [...base, ...objects].map((each) => [`${each.kind}/${each.meta.namespace}/${each.meta.name}`, each]),
    ).values(),
  ]);
