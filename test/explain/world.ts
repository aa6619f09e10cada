import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { ingress, serviceObject, serviceOn, tlsSecret, type IngressOptions } from '../support/objects.ts';
import { makePair } from '../support/tls.ts';

const prefix = 'nginx.ingress.kubernetes.io';
const sha = `{SHA}${createHash('sha1').update('secret').digest('base64')}`;

/** The right password of `users`. */
export const basicAuthorization = `Basic ${Buffer.from('ann:secret').toString('base64')}`;

/** Who answers: each path of the world has a Service of its own, so that an answer tells who took a request. */
const services = [
  'shop shop-api shop-api-v2 shop-exact cart wild wild-deep regex regex-late infected',
  'rewritten dotted scoped scoped-plain scoped-api alias secure forced kept rooted www',
  'primary canary canary-two weighted weighted-canary cors cors-some listed denied basic',
  'either asked signed paged pages fallback catch-all guarded limited mirrored sticky',
  'sticky-canary dashes deep',
].flatMap((names) => names.split(' '));

function annotated(
  name: string,
  annotations: Readonly<Record<string, string>>,
  options: IngressOptions,
): object {
  return ingress(name, {
    host: `${name}.test`,
    ...options,
    annotations: Object.fromEntries(
      Object.entries(annotations).map(([key, value]) => [
        key.includes('/') ? key : `${prefix}/${key}`,
        value,
      ]),
    ),
  });
}

function exact(path: string, service: string): NonNullable<IngressOptions['paths']>[number] {
  return { path, pathType: 'Exact', service };
}

function regex(path: string, service: string): NonNullable<IngressOptions['paths']>[number] {
  return { path, pathType: 'ImplementationSpecific', service };
}

function tls(...hosts: readonly string[]): Pick<IngressOptions, 'tls'> {
  return { tls: [{ hosts: [...hosts], secretName: 'pair' }] };
}

function canary(name: string, of: string, annotations: Readonly<Record<string, string>>): object {
  return annotated(
    name,
    { canary: 'true', ...annotations },
    { host: `${of}.test`, paths: [{ service: name }] },
  );
}

/** Paths and hosts of all kinds. */
function routes(): object[] {
  return [
    annotated(
      'shop',
      {},
      {
        paths: [
          { service: 'shop' },
          { path: '/api', service: 'shop-api' },
          { path: '/api/v2/', service: 'shop-api-v2' },
          exact('/exact', 'shop-exact'),
          { path: '/cart/', service: 'cart' },
          { path: '/cart-old', service: 'dashes' },
          { path: '/a b/é', service: 'deep' },
        ],
      },
    ),
    annotated('wild', {}, { host: '*.wild.test', paths: [{ service: 'wild' }] }),
    annotated('deep', {}, { host: 'deep.wild.test', paths: [{ service: 'wild-deep' }] }),
    annotated(
      'regex',
      { 'use-regex': 'true' },
      {
        paths: [
          regex('/item/[0-9]+$', 'regex'),
          regex('/item/.*', 'regex-late'),
          regex('/(a|b)(?:c+|\\d{2,3})x?', 'infected'),
          { path: '/Plain', service: 'deep' },
        ],
      },
    ),
    annotated(
      'rewrite',
      { 'rewrite-target': '/$2' },
      {
        paths: [regex('/app(/|$)(.*)', 'rewritten'), regex('/dots/(.*)/(.*)', 'dotted')],
      },
    ),
    annotated('fixed', { 'rewrite-target': '/fixed' }, { paths: [{ path: '/old', service: 'rewritten' }] }),
    annotated(
      'scoped',
      { 'use-regex': 'true', 'cloud-native-gateway.io/regex-scope': 'location' },
      {
        paths: [regex('/api/.+', 'scoped'), regex('/.*[.]php', 'scoped-api')],
      },
    ),
    annotated(
      'scoped-plain',
      {},
      {
        host: 'scoped.test',
        paths: [
          { path: '/api/admin', service: 'scoped-plain' },
          { path: '/docs', service: 'deep' },
        ],
      },
    ),
    annotated(
      'alias',
      { 'server-alias': 'other.test,~^shop[0-9]+[.]alias[.]test$' },
      {
        paths: [{ service: 'alias' }],
      },
    ),
    annotated('rooted', { 'app-root': '/start' }, { paths: [{ service: 'rooted' }] }),
    annotated(
      'own-default',
      {},
      { defaultBackend: { service: 'fallback' }, paths: [{ path: '/x', service: 'deep' }] },
    ),
    annotated(
      'no-root',
      {},
      {
        paths: [
          { path: '/only', service: 'deep' },
          { path: '/gone', service: 'nowhere' },
        ],
      },
    ),
  ];
}

/** What stands in the way of a request. */
function guards(authPort: string): object[] {
  const asked = `http://auth.default.svc.cluster.local${authPort}/check`;
  return [
    annotated('secure', {}, { ...tls('secure.test'), paths: [{ service: 'secure' }] }),
    annotated('forced', { 'force-ssl-redirect': 'true' }, { paths: [{ service: 'forced' }] }),
    annotated(
      'kept',
      { 'preserve-trailing-slash': 'true', 'use-port-in-redirects': 'true' },
      {
        ...tls('kept.test'),
        paths: [{ service: 'kept' }, { path: '/sub/', service: 'deep' }],
      },
    ),
    annotated('www', { 'from-to-www-redirect': 'true' }, { ...tls('www.test'), paths: [{ service: 'www' }] }),
    annotated(
      'moved',
      { 'permanent-redirect': 'https://new.example.com/here', 'enable-cors': 'true' },
      {
        ...tls('moved.test'),
        paths: [{ service: 'shop' }],
      },
    ),
    annotated(
      'away',
      { 'temporal-redirect': 'http://away.example.com', 'temporal-redirect-code': '307' },
      {
        paths: [{ service: 'nowhere' }],
      },
    ),
    annotated(
      'cors',
      { 'enable-cors': 'true', 'allowlist-source-range': '10.9.8.7' },
      { paths: [{ service: 'cors' }] },
    ),
    annotated(
      'cors-some',
      { 'enable-cors': 'true', 'cors-allow-origin': 'https://*.ok.test, http://plain.test:8080' },
      {
        ...tls('cors-some.test'),
        paths: [{ service: 'cors-some' }],
      },
    ),
    annotated(
      'listed',
      { 'allowlist-source-range': '127.0.0.0/8,192.0.2.0/24' },
      { paths: [{ service: 'listed' }] },
    ),
    annotated(
      'denied',
      { 'denylist-source-range': '127.0.0.1,2001:db8::/32' },
      { paths: [{ service: 'denied' }] },
    ),
    annotated('basic', { 'auth-type': 'basic', 'auth-secret': 'users' }, { paths: [{ service: 'basic' }] }),
    annotated(
      'either',
      {
        'auth-type': 'basic',
        'auth-secret': 'users',
        'allowlist-source-range': '192.0.2.0/24',
        satisfy: 'any',
      },
      { paths: [{ service: 'either' }] },
    ),
    annotated(
      'asked',
      { 'auth-url': asked },
      { paths: [{ service: 'asked' }, { path: '/sub/', service: 'deep' }] },
    ),
    annotated(
      'signed',
      { 'auth-url': asked, 'auth-signin': 'https://login.example.com/start' },
      {
        paths: [{ service: 'signed' }],
      },
    ),
    annotated(
      'paged',
      {
        'custom-http-errors': '403,401,404',
        'default-backend': 'pages',
        'denylist-source-range': '127.0.0.1',
      },
      { paths: [{ service: 'paged' }] },
    ),
    annotated(
      'limited',
      { 'limit-rps': '10000', 'proxy-body-size': '1k' },
      { paths: [{ service: 'limited' }] },
    ),
    annotated(
      'mirrored',
      { 'mirror-target': `http://auth.default.svc.cluster.local${authPort}/copy$request_uri` },
      {
        paths: [{ service: 'mirrored' }],
      },
    ),
    // Closed: the Secret is not there, the annotation is not sound, no endpoint is there.
    annotated('closed', { 'auth-type': 'basic', 'auth-secret': 'none' }, { paths: [{ service: 'shop' }] }),
    annotated('rejected', { 'auth-realm': 'a"b' }, { paths: [{ path: '/in', service: 'shop' }] }),
    annotated(
      'guarded',
      { 'auth-tls-secret': 'default/ca' },
      { ...tls('guarded.test'), paths: [{ service: 'guarded' }] },
    ),
  ];
}

function splits(): object[] {
  return [
    annotated('primary', {}, { paths: [{ service: 'primary' }] }),
    canary('canary', 'primary', { 'canary-by-header': 'X-Canary', 'canary-by-cookie': 'Beta' }),
    canary('canary-two', 'primary', {
      'canary-by-header': 'X-Version',
      'canary-by-header-pattern': '^v[2-9](?:[.]\\d+)?$',
    }),
    annotated('weighted', {}, { paths: [{ service: 'weighted' }] }),
    canary('weighted-canary', 'weighted', { 'canary-weight': '30', 'canary-by-header': 'X-Canary' }),
    annotated(
      'sticky',
      { affinity: 'cookie', 'session-cookie-name': 'ROUTE' },
      { paths: [{ service: 'sticky' }] },
    ),
    canary('sticky-canary', 'sticky', { 'canary-weight': '50', 'canary-by-header': 'X-Canary' }),
  ];
}

/** The manifests of the world, whose backends end with the test. */
export async function startWorld(t: TestContext): Promise<Record<string, object[]>> {
  const backends = await Promise.all(
    services.map(async (name) => [name, await startByteBackend(t, name)] as const),
  );
  const auth = await startBackend(t, 'auth', (request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(request.headers['x-allow'] === 'yes' ? 200 : 401);
    response.end();
  });
  const pair = await makePair({
    names: [
      'secure.test',
      'kept.test',
      'www.test',
      'www.www.test',
      'moved.test',
      'cors-some.test',
      'guarded.test',
    ],
  });
  const authority = await makePair({ commonName: 'authority', isAuthority: true });
  return {
    'services.json': [
      ...backends.flatMap(([name, { port }]) => serviceOn(name, [port])),
      ...serviceOn('auth', [auth.port]),
      serviceObject('nowhere'),
    ],
    'secrets.json': [
      tlsSecret('pair', pair),
      secret('users', { auth: `ann:${sha}` }),
      secret('ca', { 'ca.crt': authority.cert }),
    ],
    'routes.json': routes(),
    'guards.json': guards(''),
    'splits.json': splits(),
    'catch-all.json': [ingress('catch-all', { defaultBackend: { service: 'catch-all' } })],
  };
}

function secret(name: string, stringData: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'default' },
    type: 'Opaque',
    stringData,
  };
}

/** Says who it is and what it was asked for, byte by byte: the HTTP server of Node refuses bytes that nginx hands on. */
async function startByteBackend(t: TestContext, name: string): Promise<{ readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let head = '';
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setEncoding('latin1').on('data', (text: string) => {
      head = (head + text).replace(/^x+/u, '');
      for (let end = head.indexOf('\r\n\r\n'); end >= 0; end = head.indexOf('\r\n\r\n')) {
        const url = Buffer.from(head.split(' ')[1] ?? '', 'latin1').toString('utf8');
        const body = JSON.stringify({ backend: name, url });
        const length = Buffer.byteLength(body);
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
        socket.write(Buffer.from(body));
        // A body has no empty line in it: it is all of one letter.
        head = head.slice(end + 4).replace(/^x+/u, '');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) {
      socket.destroy();
    }
    await closed;
  });
  return { port: (server.address() as AddressInfo).port };
}
