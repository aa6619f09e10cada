import assert from 'node:assert/strict';
import { once } from 'node:events';
import fc from 'fast-check';
import type { Explanation } from '../../src/explain/explanation.ts';
import { redactText } from '../../src/model/redact.ts';
import { applied, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { sendRaw } from '../support/raw-http.ts';
import { openTls } from '../support/tls.ts';
import { testRequest, unreadable, type TestRequest } from './requests.ts';
import { basicAuthorization, startWorld } from './world.ts';

/** Together 501 for each nginx; more of them, or others, for whoever changes what explain says. */
const requestsEach = Number(process.env['EXPLAIN_REQUESTS'] ?? 167);
const seed = Number(process.env['EXPLAIN_SEED'] ?? 1);
const atOnce = 6;

/** What really came of a request. */
interface Real {
  readonly status: number;
  readonly location: string | null;
  /** The Service that answered, and the target that it got; null where nginx answered. */
  readonly backend: string | null;
  readonly url: string | null;
  /** Line of the first word of what the gateway says. */
  readonly text: string;
}

const options = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'options', namespace: 'gateway' },
};

/** Clients are told apart by headers that proxies set, some are blocked, and one path needs no TLS. */
const trusting: Readonly<Record<string, string>> = {
  'use-forwarded-headers': 'true',
  'proxy-real-ip-cidr': '127.0.0.0/8',
  'block-user-agents': 'BadBot/1.0,~*spider$',
  'block-cidrs': '203.0.113.0/24',
  'no-tls-redirect-locations': '/.well-known/acme-challenge,/only',
  'no-auth-locations': '/docs',
};

/** Everybody is asked about, redirects have no host, and errors have pages. */
const asking: Readonly<Record<string, string>> = {
  'global-auth-url': 'http://auth.default.svc.cluster.local/check',
  'global-auth-signin': 'https://sign.example.com/in?x=$host',
  'no-auth-locations': '/docs,/api',
  'relative-redirects': 'true',
  'custom-http-errors': '404,413,401,403',
  'http-redirect-code': '301',
  'enable-underscores-in-headers': 'true',
  'use-http2': 'false',
  'proxy-body-size': '1024',
  'server-snippet': 'add_header X-Own 1;',
};

onEveryNginx('explain says what nginx does with 500 random requests', async (t, nginx) => {
  const manifests = await startWorld(t);
  const gateway = await startGateway(t, {
    nginx,
    config: { kubernetes: { config_map: 'gateway/options' } },
    manifests: { ...manifests, 'options.json': { ...options, data: {} } },
  });
  await compareAll(gateway, seed);
  for (const [index, data] of [trusting, asking].entries()) {
    await applied(gateway, async () => {
      await gateway.write('options.json', { ...options, data });
    });
    await compareAll(gateway, seed + index + 1);
  }
});

async function compareAll(gateway: RunningGateway, from: number): Promise<void> {
  const requests = [...fc.sample(testRequest, { numRuns: requestsEach, seed: from }), ...unreadable];
  const wrong: string[] = [];
  const kinds = new Map<string, number>();
  const queue = [...requests];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let request = queue.pop(); request !== undefined; request = queue.pop()) {
        const told = await explained(gateway, request);
        const real = await sent(gateway, request);
        const fault = faultOf(told, real, request);
        const kind = `${told.outcome.kind} ${told.outcome.kind === 'answered' ? told.outcome.status : ''}`;
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        if (fault !== null) {
          wrong.push(
            `${fault}\n  asked: ${JSON.stringify(request)}\n  told: ${JSON.stringify(told.outcome)} by ${told.server?.names.join(' ')} ${told.location?.modifier} ${told.location?.path}\n  real: ${JSON.stringify(real)}`,
          );
        }
      }
    }),
  );
  assert.equal(wrong.length, 0, `${wrong.length} of ${requests.length}:\n${wrong.slice(0, 20).join('\n')}`);
  // A generator that only finds one kind of answer would prove nothing.
  assert.ok(kinds.size >= 8, [...kinds].join('; '));
}

async function explained(gateway: RunningGateway, request: TestRequest): Promise<Explanation> {
  const query = new URLSearchParams({
    url: `${request.scheme}://${request.host}${request.target}`,
    method: request.method,
    client: '127.0.0.1',
  });
  for (const [name, value] of headersOf(request)) {
    query.append('header', `${name}: ${value}`);
  }
  const answer = await gateway.debugText(`/debug/explain?${query.toString()}`);
  assert.equal(answer.status, 200, `${query.toString()}: ${answer.body}`);
  return JSON.parse(answer.body) as Explanation;
}

function headersOf({ hostHeader, headers }: TestRequest): (readonly [string, string])[] {
  return [...(hostHeader === null ? [] : [['Host', hostHeader] as const]), ...headers];
}

async function sent(gateway: RunningGateway, request: TestRequest): Promise<Real> {
  const lines = [
    `${request.method} ${request.target} HTTP/1.1`,
    `Host: ${request.hostHeader ?? request.host}`,
    ...request.headers.map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
    '',
    'x'.repeat(bodyLength(request)),
  ];
  const text = Buffer.from(lines.join('\r\n'), 'utf8').toString('latin1');
  const answer =
    request.scheme === 'http'
      ? await sendRaw(gateway.httpPort, text)
      : await sendTls(gateway.httpsPort, request.host, text);
  const location = answer.headers.find(([name]) => name === 'location')?.[1] ?? null;
  const body = /\{"backend".*\}/su.exec(answer.body)?.[0];
  const echo =
    body === undefined
      ? null
      : (JSON.parse(Buffer.from(body, 'latin1').toString('utf8')) as { backend: string; url: string });
  return {
    status: answer.status,
    // As the debug endpoint shows it: what could be a user in a URL is hidden there.
    location: location === null ? null : redactText(Buffer.from(location, 'latin1').toString('utf8')),
    backend: echo?.backend ?? null,
    url: echo?.url ?? null,
    text: answer.body.slice(0, 60),
  };
}

/** Of what nginx refuses for its length, nothing is sent. */
function bodyLength({ headers }: TestRequest): number {
  const length = Number(new Map(headers).get('Content-Length') ?? 0);
  return length >= 0 && length < 10_000 ? length : 0;
}

async function sendTls(
  port: number,
  servername: string,
  text: string,
): Promise<Pick<Awaited<ReturnType<typeof sendRaw>>, 'status' | 'headers' | 'body'>> {
  const socket = await openTls({ port, servername });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // Whoever refuses a body may reset the connection after the answer.
  socket.on('error', () => socket.destroy());
  const closed = once(socket, 'close');
  socket.write(Buffer.from(text, 'latin1'));
  await closed;
  const all = Buffer.concat(chunks).toString('latin1');
  const [head = '', ...rest] = all.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  return {
    status: Number(first.split(' ')[1] ?? 0),
    headers: lines.map((line) => [line.split(':')[0]?.toLowerCase() ?? '', line.replace(/^[^:]*:\s*/u, '')]),
    body: rest.join('\r\n\r\n'),
  };
}

/** What explain has got wrong, in words; null where it is right. */
function faultOf({ outcome, steps }: Explanation, real: Real, request: TestRequest): string | null {
  const expected = afterConditions({ outcome, steps }, request);
  if (expected !== null) {
    const isRight =
      expected.status === real.status &&
      (expected.location === undefined || expected.location === real.location);
    return isRight ? null : `a condition that does not hold: ${JSON.stringify(expected)} expected`;
  }
  switch (outcome.kind) {
    case 'answered':
      return outcome.status === real.status && outcome.location === real.location
        ? null
        : `answered with ${outcome.status} ${outcome.location}`;
    case 'proxied': {
      const names = outcome.targets.map(({ service }) => service?.replace('Service/default/', '') ?? '');
      const isRight = real.backend !== null && names.includes(real.backend);
      return isRight && (outcome.uri === real.url || outcome.uri === null)
        ? null
        : `proxied to ${names.join(', ')} with ${outcome.uri}`;
    }
    default:
      return `nothing told: ${outcome.text}`;
  }
}

/** What is answered where one of the conditions that explain names does not hold: who sends the request knows that. */
function afterConditions(
  { outcome: { provided }, steps }: Pick<Explanation, 'outcome' | 'steps'>,
  { headers }: TestRequest,
): { readonly status: number; readonly location?: unknown } | null {
  function otherwise(kind: string): { readonly status: number; readonly location: string | null } {
    const { details } = steps.find((step) => step.kind === kind) ?? {};
    return details?.['otherwise'] as { readonly status: number; readonly location: string | null };
  }
  const sentHeaders = new Map(
    headers.map(([name, value]) => [name === 'authorization' ? 'Authorization' : name, value]),
  );
  if (provided.some((each) => each.startsWith('the client shows a certificate'))) {
    return { status: 400 };
  }
  if (
    provided.some((each) => each === 'the external check says yes') &&
    sentHeaders.get('X-Allow') !== 'yes'
  ) {
    return otherwise('external-auth');
  }
  if (provided.some((each) => each.startsWith('the password is right'))) {
    return sentHeaders.get('Authorization') === basicAuthorization ? null : otherwise('basic-auth');
  }
  return null;
}
