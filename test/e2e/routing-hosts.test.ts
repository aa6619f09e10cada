import assert from 'node:assert/strict';
import { applied, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { startBackend, type Echo } from '../support/backend.ts';
import { http } from '../support/http-client.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { getText, sendRaw } from '../support/raw-http.ts';

const notFound = '{"error":"route not found"}';

onEveryNginx('hosts of rules', async (t, nginx) => {
  const exact = await startBackend(t, 'exact');
  const wildcard = await startBackend(t, 'wildcard');
  const everywhere = await startBackend(t, 'everywhere');
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'services.json': [
        ...serviceOn('exact', [exact.port]),
        ...serviceOn('wildcard', [wildcard.port]),
        ...serviceOn('everywhere', [everywhere.port]),
      ],
      'ingresses.json': [
        ingress('exact', { host: 'a.example.com', paths: [{ path: '/app', service: 'exact' }] }),
        ingress('wildcard', { host: '*.example.com', paths: [{ service: 'wildcard' }] }),
        ingress('mixed-case', { host: 'MiXed.example.org', paths: [{ service: 'exact' }] }),
        ingress('everywhere', { paths: [{ path: '/any', service: 'everywhere' }] }),
      ],
    },
  });

  /** The backend that answers, or the status where none does. */
  async function whoAnswers(host: string, path: string): Promise<string | number> {
    return backendOf(await gateway.get(host, path));
  }

  await t.test('an exact host wins over the wildcard above it, path by path', async () => {
    assert.equal(await whoAnswers('a.example.com', '/app'), 'exact');
    // The server of the exact host has the request, whatever paths it has: as in ingress-nginx.
    assert.equal(await whoAnswers('a.example.com', '/other'), 404);
  });

  await t.test('a wildcard stands for exactly one label', async () => {
    assert.equal(await whoAnswers('b.example.com', '/'), 'wildcard');
    assert.equal(await whoAnswers('with-hyphen_and_underscore.example.com', '/'), 'wildcard');
    assert.equal(await whoAnswers('two.labels.example.com', '/'), 404);
    assert.equal(await whoAnswers('example.com', '/'), 404);
    assert.equal(await whoAnswers('b.example.com.evil.net', '/'), 404);
    assert.equal(await whoAnswers('bxexample.com', '/'), 404);
  });

  await t.test('a rule without host takes the hosts that no other rule names', async () => {
    assert.equal(await whoAnswers('nobody.example.net', '/any'), 'everywhere');
    assert.equal(await whoAnswers('two.labels.example.com', '/any/below'), 'everywhere');
    assert.equal(await whoAnswers('a.example.com', '/any'), 404);
  });

  await t.test('a request that no route takes gets 404 as JSON', async () => {
    for (const [host, path] of [
      ['nobody.example.net', '/'],
      ['a.example.com', '/'],
    ] as const) {
      const answer = await gateway.get(host, path);
      assert.equal(answer.status, 404);
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.equal(answer.body, notFound);
    }
    const head = await http({ port: gateway.httpPort, host: 'nobody.example.net', method: 'HEAD' });
    assert.deepEqual(
      [head.status, head.headers['content-type'], head.headers['content-length'], head.body],
      [404, 'application/json', String(notFound.length), ''],
    );
    const post = await http({
      port: gateway.httpPort,
      host: 'nobody.example.net',
      method: 'POST',
      body: 'x'.repeat(100_000),
    });
    assert.deepEqual([post.status, post.body], [404, notFound]);
  });

  await t.test('the letter case, the port and the dot at the end of a Host header do not count', async () => {
    for (const host of [
      'A.EXAMPLE.COM',
      `a.example.com:${gateway.httpPort}`,
      'a.example.com:1',
      'a.example.com.',
      'A.Example.Com.:443',
    ]) {
      assert.equal(await whoAnswers(host, '/app'), 'exact', host);
    }
    assert.equal(await whoAnswers('B.EXAMPLE.COM.:80', '/'), 'wildcard');
    assert.equal(await whoAnswers('mixed.example.org', '/'), 'exact');
    assert.equal(await whoAnswers('MiXed.example.org', '/'), 'exact');
  });

  await t.test('the backend sees the Host header as the client wrote it', async () => {
    const answer = await gateway.get(`A.example.com:${gateway.httpPort}`, '/app');
    const { headers } = JSON.parse(answer.body) as Echo;
    assert.equal(headers.host, `A.example.com:${gateway.httpPort}`);
    assert.equal(headers['x-forwarded-host'], `A.example.com:${gateway.httpPort}`);
  });

  await t.test(
    'a request without Host header is for every host in HTTP/1.0 and refused in HTTP/1.1',
    async () => {
      const old = await sendRaw(gateway.httpPort, 'GET /any HTTP/1.0\r\n\r\n');
      assert.equal(old.status, 200);
      assert.equal((JSON.parse(old.body) as Echo).backend, 'everywhere');
      assert.equal((await sendRaw(gateway.httpPort, getText('/any', []))).status, 400);
      const named = await sendRaw(gateway.httpPort, 'GET /app HTTP/1.0\r\nHost: a.example.com\r\n\r\n');
      assert.equal((JSON.parse(named.body) as Echo).backend, 'exact');
    },
  );

  await t.test('Host headers that cannot be one host are refused and reach no backend', async () => {
    const before = [exact, wildcard, everywhere].map(({ seen }) => seen.length);
    for (const lines of [
      ['Host: a.example.com', 'Host: b.example.com'],
      ['Host: a.example.com', 'Host: a.example.com'],
      ['Host:'],
      ['Host: a.example.com/app'],
      ['Host: ..example.com'],
      ['Host: a.example.com\u0000.b'],
      ['Host : a.example.com'],
      ['X: y\r\n Host: a.example.com'],
    ]) {
      const answer = await sendRaw(gateway.httpPort, getText('/any', lines));
      assert.equal(answer.status, 400, `${lines.join(' and ')} gets ${answer.statusLine}`);
    }
    assert.deepEqual(
      [exact, wildcard, everywhere].map(({ seen }) => seen.length),
      before,
    );
  });

  await t.test('the host of an absolute request line counts, for the route and for the backend', async () => {
    const target = 'http://a.example.com/app?x=1';
    const alike = await sendRaw(gateway.httpPort, getText(target, ['Host: a.example.com']));
    const echo = JSON.parse(decoded(alike.body)) as Echo;
    assert.deepEqual([echo.backend, echo.url], ['exact', '/app?x=1']);
    const other = await sendRaw(gateway.httpPort, getText(target, ['Host: b.example.com']));
    if (other.status !== 400) {
      // RFC 9112, 3.2.2: the Host header is to be ignored, so no backend may decide by it.
      assert.equal((JSON.parse(decoded(other.body)) as Echo).headers.host, 'a.example.com');
    }
  });

  await t.test('a host that is added, renamed or removed is followed while running', async () => {
    await applied(gateway, async () => {
      await gateway.write(
        'late.json',
        ingress('late', { host: 'late.example.com', paths: [{ service: 'exact' }] }),
      );
    });
    assert.equal(await whoAnswers('late.example.com', '/'), 'exact');
    await applied(gateway, async () => {
      await gateway.write(
        'late.json',
        ingress('late', { host: 'later.example.com', paths: [{ service: 'exact' }] }),
      );
    });
    assert.equal(await whoAnswers('late.example.com', '/'), 'wildcard');
    assert.equal(await whoAnswers('later.example.com', '/'), 'exact');
    await applied(gateway, async () => {
      await gateway.remove('late.json');
    });
    assert.equal(await whoAnswers('later.example.com', '/'), 'wildcard');
  });

  await assertServed(gateway);
});

async function assertServed(gateway: RunningGateway): Promise<void> {
  const verdicts = (await gateway.debug('/debug/objects?kind=Ingress')) as { name: string; state: string }[];
  assert.deepEqual(
    verdicts.map(({ name, state }) => [name, state]),
    ['everywhere', 'exact', 'mixed-case', 'wildcard'].map((name) => [name, 'served']),
  );
}

function backendOf({ status, body }: { readonly status: number; readonly body: string }): string | number {
  return status === 200 ? (JSON.parse(body) as Echo).backend : status;
}

/** The content of a chunked body, or the body itself. */
function decoded(body: string): string {
  const start = body.indexOf('{');
  return body.slice(start, body.lastIndexOf('}') + 1);
}
