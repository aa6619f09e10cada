import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

// The second half of quickstart.sh: starts the backends and the gateway, and stops them again.

const root = join(import.meta.dirname, '..');
const work = join(root, '.cache', 'quickstart');
const made = join(work, 'manifests');
const ports = { http: 8000, https: 8443, health: 8080, debug: 8081, metrics: 9090, coffee: 9101, tea: 9102 };

const children: ChildProcess[] = [];
let stopping = false;

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

/** One request to the gateway, by host name, to 127.0.0.1. Rejects where nobody answers. */
function ask(
  host: string,
  path: string,
  tls = false,
  port = tls ? ports.https : ports.http,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path,
      headers: { host },
      agent: false as const,
      timeout: 5000,
    };
    const sent = tls
      ? // The certificate of the example is self-made.
        requestTls({ ...options, servername: host, rejectUnauthorized: false })
      : request(options);
    sent.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body });
      });
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer within 5 s')));
    sent.on('error', reject);
    sent.end();
  });
}

/** @throws an Error that names every port that somebody else has */
async function demandFreePorts(): Promise<void> {
  const taken: string[] = [];
  for (const [use, port] of Object.entries(ports)) {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.once('error', () => {
        taken.push(`${port} (${use})`);
        resolve();
      });
      server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
    });
  }
  if (taken.length > 0) {
    throw new Error(
      `these ports of 127.0.0.1 are in use: ${taken.join(', ')}. Stop what uses them (an earlier quick start?) and try again.`,
    );
  }
}

/** A certificate for secure.example.com as a Secret, made once: no private key is part of the repository. */
async function makeTlsSecret(): Promise<void> {
  const path = join(made, 'secure-tls.yaml');
  if ((await readFile(path, 'utf8').catch(() => null)) !== null) {
    return;
  }
  const { generate } = await import('selfsigned');
  const pair = await generate([{ name: 'commonName', value: 'secure.example.com' }], {
    algorithm: 'sha256',
    keyType: 'ec',
    curve: 'P-256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'secure.example.com' }] }],
  });
  const data = {
    'tls.crt': Buffer.from(pair.cert).toString('base64'),
    'tls.key': Buffer.from(pair.private).toString('base64'),
  };
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'secure-tls', namespace: 'cafe' },
    type: 'kubernetes.io/tls',
    data,
  };
  // JSON is YAML.
  await writeFile(path, `${JSON.stringify(secret, null, 2)}\n`, { mode: 0o600 });
}

function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  // A group of its own: Ctrl-C reaches this process alone, which then ends the others in order.
  const child = spawn(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  children.push(child);
  return child;
}

async function stop(): Promise<void> {
  if (stopping) {
    return;
  }
  stopping = true;
  // The gateway first: it drains nginx, which still needs the backends.
  for (const child of children.toReversed()) {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      // Longer than examples/gateway.yaml lets nginx drain. The timer must not keep this process when all have ended.
      await Promise.race([ended, sleep(10_000, undefined, { ref: false })]);
      if (child.exitCode === null && child.signalCode === null) {
        // A second signal ends the gateway and its nginx at once.
        child.kill('SIGTERM');
        await Promise.race([ended, sleep(5_000, undefined, { ref: false })]);
      }
    }
  }
}

async function waitUntilReady(gateway: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (gateway.exitCode !== null) {
      throw new Error(`the gateway ended with ${gateway.exitCode}; its last words are above`);
    }
    const answer = await ask('127.0.0.1', '/ready', false, ports.health).catch(() => null);
    if (answer?.status === 200) {
      return;
    }
    await sleep(100);
  }
  throw new Error('the gateway was not ready within 30 s; its log is above');
}

interface Check {
  readonly what: string;
  readonly ask: () => Promise<Answer>;
  readonly holds: (answer: Answer) => boolean;
}

const checks: readonly Check[] = [
  {
    what: 'http://cafe.example.com/coffee is answered by the backend "coffee"',
    ask: () => ask('cafe.example.com', '/coffee'),
    holds: ({ status, body }) => status === 200 && body.includes('"backend": "coffee"'),
  },
  {
    what: 'http://cafe.example.com/tea/green is answered by the backend "tea"',
    ask: () => ask('cafe.example.com', '/tea/green'),
    holds: ({ status, body }) => status === 200 && body.includes('"backend": "tea"'),
  },
  {
    what: 'a path that nobody asked for is answered with 404',
    ask: () => ask('cafe.example.com', '/water'),
    holds: ({ status, body }) => status === 404 && body === '{"error":"route not found"}',
  },
  {
    what: 'a host that nobody asked for is answered with 404',
    ask: () => ask('nobody.example.com', '/'),
    holds: ({ status, body }) => status === 404 && body === '{"error":"route not found"}',
  },
  {
    what: 'http://secure.example.com is redirected to https',
    ask: () => ask('secure.example.com', '/menu'),
    holds: ({ status, location }) => status === 308 && location === 'https://secure.example.com/menu',
  },
  {
    what: 'https://secure.example.com is answered by the backend "coffee"',
    ask: () => ask('secure.example.com', '/menu', true),
    holds: ({ status, body }) => status === 200 && body.includes('"x-forwarded-proto": "https"'),
  },
];

const addedIngress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: added, namespace: cafe }
spec:
  ingressClassName: nginx
  rules:
    - host: added.example.com
      http:
        paths:
          - { path: /, pathType: Prefix, backend: { service: { name: tea, port: { number: 80 } } } }
`;

/** Adds an Ingress while everything runs. */
async function checkLiveEdit(): Promise<boolean> {
  const path = join(made, 'added.yaml');
  // A change right behind another one waits a moment, because it may be part of a burst.
  await sleep(1500);
  await writeFile(path, addedIngress);
  const began = performance.now();
  try {
    while (performance.now() - began < 10_000) {
      const answer = await ask('added.example.com', '/').catch(() => null);
      if (answer?.status === 200) {
        console.log(`ok    an added Ingress is live after ${Math.round(performance.now() - began)} ms`);
        return true;
      }
      await sleep(20);
    }
    console.log('FAIL  an added Ingress was not live within 10 s');
    return false;
  } finally {
    await rm(path, { force: true });
  }
}

async function runChecks(): Promise<boolean> {
  let allHold = true;
  for (const check of checks) {
    const answer = await check.ask().catch((error: unknown) => String(error));
    const holds = typeof answer !== 'string' && check.holds(answer);
    console.log(`${holds ? 'ok  ' : 'FAIL'}  ${check.what}${holds ? '' : `: ${JSON.stringify(answer)}`}`);
    allHold = holds && allHold;
  }
  return (await checkLiveEdit()) && allHold;
}

const welcome = `
The gateway carries traffic. Try:

  curl -H 'Host: cafe.example.com' http://127.0.0.1:${ports.http}/coffee
  curl -H 'Host: cafe.example.com' http://127.0.0.1:${ports.http}/tea
  curl -k --resolve secure.example.com:${ports.https}:127.0.0.1 https://secure.example.com:${ports.https}/

Edit examples/manifests/cafe.yaml: the change is live within a second. Look at

  http://127.0.0.1:${ports.debug}/debug/          what is served, and why
  http://127.0.0.1:${ports.debug}/debug/config    the live nginx.conf, each block with the object it came from
  http://127.0.0.1:${ports.metrics}/metrics         for Prometheus

Ctrl-C stops everything.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    console.log(
      'usage: scripts/quickstart.sh [--check]\n\n  --check  verify the answers, stop, and exit 0 or 1',
    );
    return 0;
  }
  await demandFreePorts();
  await mkdir(made, { recursive: true });
  await rm(join(made, 'added.yaml'), { force: true });
  await makeTlsSecret();
  // Sockets in the state folder may have paths of 107 bytes at most.
  const nearby = join(work, 'state');
  const stateDir = nearby.length < 80 ? nearby : join(tmpdir(), `cng-quickstart-${process.getuid?.() ?? 0}`);
  start(process.execPath, ['examples/backend/server.ts', 'coffee', String(ports.coffee)]);
  start(process.execPath, ['examples/backend/server.ts', 'tea', String(ports.tea)]);
  const gateway = start(
    process.execPath,
    [
      'dist/main.js',
      'run',
      '--config',
      'examples/gateway.yaml',
      '--manifests',
      'examples/manifests',
      '--manifests',
      made,
    ],
    {
      ...process.env,
      CNG_NGINX_BINARY_PATH: process.env['QUICKSTART_NGINX'] ?? 'nginx',
      CNG_NGINX_STATE_DIR: stateDir,
    },
  );
  const signalled = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => resolve(0));
    }
    gateway.once('exit', (code) => resolve(stopping ? 0 : (code ?? 1)));
  });
  const early = await Promise.race([waitUntilReady(gateway), signalled]);
  if (early !== undefined) {
    return early;
  }
  if (values.check) {
    return (await runChecks()) ? 0 : 1;
  }
  console.log(welcome);
  return signalled;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`quickstart: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await stop();
}
