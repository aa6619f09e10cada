import fc from 'fast-check';
import { basicAuthorization } from './world.ts';

/** A request as the test sends it, and as it asks about it. */
export interface TestRequest {
  readonly scheme: 'http' | 'https';
  /** Of the URL, and so what the handshake asks for. */
  readonly host: string;
  /** Instead of the host of the URL. */
  readonly hostHeader: string | null;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
}

const hosts = [
  'shop regex rewrite fixed scoped alias other rooted own-default no-root secure forced kept www www.www moved',
  'away cors cors-some listed denied basic either asked signed paged limited mirrored closed rejected guarded',
  'primary weighted sticky one.wild deep.wild a.b.wild wild shop7.alias shopx.alias nobody SHOP Regex',
]
  .flatMap((names) => names.split(' '))
  .map((name) => `${name}.test`);

const segments = [
  'api API v2 exact cart cart-old item 42 x7 app dots old docs admin index.php Plain plain acx b123x b1 start',
  'only gone sub in x a%20b é . .. ... %2e%2e %2F %2f.. %C3%A9 a+b %25 %3F %23 .well-known acme-challenge %41pi',
  'a;b k=v (x) $1 %zz % it\'s "q" %00 %0A é%FF',
].flatMap((words) => words.split(' '));

/** Paths that the world has something to say about. */
const known = [
  '/ /api /api/v2 /api/v2/ /cart /cart/ /item/42 /item/42/b /app /app/a/b /dots/a/.. /dots/x/%2e%2e%2fy /sub',
  '/sub/ /api/admin /api/admin/x /docs/a.php /.well-known/acme-challenge/k /a%20b/%c3%a9 /A%20b/é//x /only/',
].flatMap((paths) => paths.split(' '));

const target = fc
  .tuple(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc
          .array(fc.constantFrom('', ...segments), { minLength: 1, maxLength: 4 })
          .map((parts) => `/${parts.join('/')}`),
      },
      { weight: 3, arbitrary: fc.constantFrom(...known) },
    ),
    fc.oneof(
      { weight: 4, arbitrary: fc.constant('') },
      {
        weight: 1,
        arbitrary: fc.constantFrom('?', '?a=b', '?a=/../b', '?x=%zz&y', '?q=a%20b?c', '?é', '?tenant=1'),
      },
    ),
  )
  .map(([path, args]) => path + args);

const headers = fc
  .uniqueArray(
    fc.constantFrom<readonly [string, string]>(
      ['X-Canary', 'always'],
      ['X-Canary', 'never'],
      ['X-Canary', 'Always'],
      ['X-Version', 'v2'],
      ['X-Version', 'v1'],
      ['X-Version', 'v10.2'],
      ['Cookie', 'Beta=always'],
      ['Cookie', 'a=b; beta=never'],
      ['Cookie', 'xBeta=always'],
      ['Cookie', 'ROUTE_canary=primary'],
      ['Origin', 'https://a.ok.test'],
      ['Origin', 'https://a.b.ok.test'],
      ['Origin', 'http://plain.test:8080'],
      ['Authorization', basicAuthorization],
      ['Authorization', 'Bearer x'],
      ['X-Allow', 'yes'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Proto', 'http'],
      ['X-Forwarded-Proto', 'HTTPS'],
      ['X-Forwarded-Host', 'forwarded.test'],
      ['X-Forwarded-For', '192.0.2.7'],
      ['X-Forwarded-For', '192.0.2.7, 203.0.113.5'],
      ['X-Forwarded-For', '10.9.8.7, 127.0.0.1'],
      ['X_Canary', 'always'],
      ['User-Agent', 'BadBot/1.0'],
      ['User-Agent', 'friendly spider'],
      ['User-Agent', 'curl/8'],
      ['Content-Length', '0'],
      ['Content-Length', '1025'],
      // Twice: versions of nginx differ, and some it takes once alone.
      ['x-canary', 'never'],
      ['cookie', 'Beta=never'],
      ['origin', 'https://b.ok.test'],
      ['x-forwarded-for', '192.0.2.9'],
      ['x-forwarded-proto', 'https'],
      ['authorization', 'Basic eDp5'],
    ),
    { maxLength: 4, selector: ([name]) => name },
  )
  .map((list) => list.map((each) => [...each] as const));

/** Mostly the host of the URL as it is; now and then something that only nginx takes apart. */
const hostHeader = fc.oneof(
  { weight: 8, arbitrary: fc.constant(null) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'shop.test:8080',
      'SHOP.test.',
      'secure.test',
      'guarded.test',
      'shop..test',
      'a.wild.test.',
      '[::1]:80',
      '127.0.0.1',
      'primary.test:99999',
      'nobody.',
      '.',
      'shop.test@',
    ),
  },
);

export const testRequest: fc.Arbitrary<TestRequest> = fc.record({
  scheme: fc.constantFrom('http', 'http', 'https'),
  host: fc.constantFrom(...hosts),
  hostHeader,
  method: fc.constantFrom('GET', 'GET', 'GET', 'OPTIONS', 'POST', 'TRACE', 'PURGE'),
  target,
  headers,
});

const plain: TestRequest = {
  scheme: 'http',
  host: 'shop.test',
  hostHeader: null,
  method: 'GET',
  target: '/cart',
  headers: [],
};

/** Those that nginx refuses when it has read their head; each is asked in every run. */
export const unreadable: readonly TestRequest[] = [
  ...[
    [['Transfer-Encoding', 'gzip']],
    [['Transfer-Encoding', 'gzip, chunked']],
    [
      ['Transfer-Encoding', 'chunked'],
      ['transfer-encoding', 'chunked'],
    ],
    [
      ['Transfer-Encoding', 'Chunked'],
      ['Content-Length', '3'],
    ],
    [
      ['Transfer-Encoding', 'gzip'],
      ['Content-Length', '3'],
    ],
    [['Content-Length', 'abc']],
    [['Content-Length', '-1']],
    [['Content-Length', '']],
    [['Content-Length', '9223372036854775808']],
  ].map((list) => ({
    ...plain,
    headers: list.map(([name = '', value = '']) => [name, value] as const),
  })),
  { ...plain, method: 'TRACE', headers: [['Content-Length', 'abc']] },
  { ...plain, method: 'TRACE', headers: [['Transfer-Encoding', 'gzip']] },
  { ...plain, method: 'CONNECT' },
];
