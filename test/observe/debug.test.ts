import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Hono } from 'hono';
import { findInstallation } from '../../src/installation.ts';
import { createDebugApp } from '../../src/observe/debug.ts';
import type { ControllerView } from '../../src/observe/view.ts';
import { verdictStates } from '../../src/model/verdict.ts';
import { generation, sampleFailure, sampleText, sampleVerdicts, sampleView } from './sample-view.ts';

function debugApp(changes: Partial<ControllerView> = {}, allowedHosts: readonly string[] = []): Hono {
  return createDebugApp(
    sampleView(changes),
    { version: '1.2.3', templatesFolder: findInstallation().templates, allowedHosts },
    (error) => {
      throw error;
    },
  );
}

async function get(app: Hono, path: string, status: number): Promise<Response> {
  const answer = await app.request(path);
  assert.equal(answer.status, status, path);
  assert.equal(answer.headers.get('cache-control'), 'no-store', path);
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', path);
  return answer;
}

async function refusal(app: Hono, path: string, status: number): Promise<Record<string, unknown>> {
  const answer = await get(app, path, status);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/, path);
  return (await answer.json()) as Record<string, unknown>;
}

test('/debug/config is the live text to the byte, ?generation an earlier one', async () => {
  const app = debugApp();
  const live = await get(app, '/debug/config', 200);
  assert.equal(live.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal(await live.text(), sampleText);
  assert.equal(await (await get(app, '/debug/config?generation=3', 200)).text(), sampleText);
  assert.equal(await (await get(app, '/debug/config?generation=2', 200)).text(), 'events {}\n');
});

test('/debug/config?object= has only what came from the object, under its line numbers', async () => {
  const app = debugApp();
  assert.equal(
    await (await get(app, '/debug/config?object=Ingress/default/shop', 200)).text(),
    [
      '# Ingress/default/shop: 4 of generation 3, 9 lines',
      '        3 |   server {',
      '        4 |     ssl_certificate certificates/1.pem;',
      '        5 |     location / { proxy_pass http://shop; }',
      '    .....',
      '        7 |   }',
      '',
    ].join('\n'),
  );
  assert.equal(
    await (await get(app, '/debug/config?object=Ingress/default/cart', 200)).text(),
    '# Ingress/default/cart: 1 of generation 3, 9 lines\n        6 |     location /cart { proxy_pass http://cart; }\n',
  );
  const secret = await (await get(app, '/debug/config?object=Secret/default/tls', 200)).text();
  assert.match(secret, /^# Secret\/default\/tls: 1 of .*\n {8}4 \| {5}ssl_certificate /);
});

test('/debug/config?lines= is a numbered part, cut at the end of the text', async () => {
  const app = debugApp();
  assert.equal(
    await (await get(app, '/debug/config?lines=8-100', 200)).text(),
    '# Lines 8-9 of generation 3, 9 lines\n        8 |   server { return 404; }\n        9 | }\n',
  );
  assert.match(
    await (await get(app, '/debug/config?object=Ingress/default/shop&lines=5', 200)).text(),
    /\n {8}5 \| {5}location \/ [^\n]*\n$/,
  );
  assert.match(
    String((await refusal(app, '/debug/config?lines=10', 404))['error']),
    /line 10 .* has 9 lines/,
  );
});

test('what is not there is answered with what was asked and what exists', async () => {
  const app = debugApp();
  assert.deepEqual(await refusal(app, '/debug/config?generation=9', 404), {
    error: 'there is no generation 9',
    generations: [3, 2],
  });
  assert.deepEqual(await refusal(app, '/debug/config?generation=1', 404), {
    error: 'the text of generation 1 is not kept (any more)',
    generations: [3, 2],
  });
  assert.deepEqual(await refusal(app, '/debug/config?object=Ingress/default/shp', 404), {
    error: 'there is no object Ingress/default/shp',
    objects: ['Ingress/default/cart', 'Ingress/default/shop', 'Ingress/other/broken'],
    objectsTotal: 3,
  });
  assert.deepEqual(await refusal(app, '/debug/config?object=Ingress/other/broken', 404), {
    error: 'no line of generation 3 came from Ingress/other/broken',
    state: 'rejected',
    reasons: sampleVerdicts[2]?.reasons,
  });
  assert.deepEqual(await refusal(app, '/debug/config/failed', 404), {
    error: 'no configuration has failed since this process started',
  });
  const paths = (await refusal(app, '/debug/confg', 404))['paths'];
  assert.ok(Array.isArray(paths) && paths.includes('/debug/config'));
});

test('before the first generation the pages say so', async () => {
  const app = debugApp({
    live: () => null,
    generations: () => [],
    configText: () => null,
    sourceMap: () => null,
    model: () => null,
    verdicts: () => [],
    readiness: () => ({ ready: false, reason: 'waiting for the first listing' }),
  });
  assert.deepEqual(await refusal(app, '/debug/config', 404), {
    error: 'no generation is live yet: waiting for the first listing',
  });
  assert.match(String((await refusal(app, '/debug/model', 404))['error']), /no generation is live yet/);
  assert.deepEqual(await (await get(app, '/debug/objects', 200)).json(), []);
  assert.deepEqual(await (await get(app, '/debug/generations', 200)).json(), []);
  assert.match(await (await get(app, '/debug/', 200)).text(), /not ready[^]*waiting for the first listing/);
  assert.doesNotMatch(await (await get(app, '/debug/', 200)).text(), /is not followed/);
});

test('the overview has what goes back to the cluster, and what stands in the way of it', async () => {
  const app = debugApp({
    outputs: () => ({
      leader: { isLeader: false, holder: 'gateway-1', trouble: null },
      status: { written: 7, behind: 3, trouble: 'nodes <cannot> be read' },
      events: null,
    }),
  });
  const answer = await app.request('/debug/', { headers: { accept: 'application/json' } });
  assert.deepEqual(((await answer.json()) as { outputs: unknown }).outputs, {
    leader: { isLeader: false, holder: 'gateway-1', trouble: null },
    status: { written: 7, behind: 3, trouble: 'nodes <cannot> be read' },
    events: null,
  });
  const page = await (await get(app, '/debug/', 200)).text();
  assert.match(page, /does not lead; the Lease is held by <code>gateway-1<\/code>/);
  assert.match(page, /7 written, 3 behind\. <strong class="bad-text">nodes &lt;cannot&gt; be read<\/strong>/);
  assert.doesNotMatch(page, /left out/);
});

test('bad parameters are 400 and name the parameter, the value and what is allowed', async () => {
  const app = debugApp({ failed: () => sampleFailure });
  for (const [path, message] of [
    ['/debug/config?generation=', /generation: "" is not a whole number/],
    ['/debug/config?generation=0', /generation: "0"/],
    ['/debug/config?generation=-1', /generation: "-1"/],
    ['/debug/config?generation=1e3', /generation: "1e3"/],
    ['/debug/config?generation=99999999999999999999', /generation: "9{20}"/],
    ['/debug/config?generation=1&generation=2', /"generation" is given twice/],
    ['/debug/config?object=shop', /object: "shop" is not Kind\/namespace\/name/],
    ['/debug/config?object=Pod/default/shop', /object: "Pod\/default\/shop"/],
    ['/debug/config?object=__proto__/a/b', /object: "__proto__\/a\/b"/],
    ['/debug/config?lines=5-4', /lines: "5-4"/],
    ['/debug/config?lines=0-4', /lines: "0-4"/],
    ['/debug/config?colour=red', /unknown parameter "colour"/],
    ['/debug/config/failed?generation=1', /unknown parameter "generation"/],
    ['/debug/model?x', /unknown parameter "x"/],
    ['/debug/objects?state=broken', /state: "broken" is unknown/],
    ['/debug/objects?kind=ingress', /kind: "ingress" is unknown/],
    ['/debug/objects?limit=all', /limit: "all"/],
    ['/debug/generations?limit=0', /limit: "0"/],
  ] as const) {
    assert.match(String((await refusal(app, path, 400))['error']), message, path);
  }
  assert.deepEqual((await refusal(app, '/debug/objects?state=broken', 400))['allowed'], verdictStates);
});

test('/debug/config/failed has the message on top and the line marked', async () => {
  const app = debugApp({ failed: () => sampleFailure });
  assert.equal(
    await (await get(app, '/debug/config/failed', 200)).text(),
    [
      '# Refused at stage test, 2026-01-02T03:04:05.000Z, generation feedfeedfeedfeed; this text is not live',
      '# unknown directive "bad_directive"',
      '# in nginx.conf:3',
      '# Blamed: Ingress/other/broken',
      '# Line 3 is marked with >>>',
      '        1 | events {}',
      '        2 | http {',
      '>>>     3 |   bad_directive;',
      '        4 | }',
      '',
    ].join('\n'),
  );
  const noLine = debugApp({ failed: () => ({ ...sampleFailure, line: null, objects: [], text: 'a' }) });
  assert.match(
    await (await get(noLine, '/debug/config/failed', 200)).text(),
    /# Blamed: no object\n# The message names no line\n {8}1 \| a\n$/,
  );
});

test('/debug/objects is an array of exactly the public fields, and its filters join', async () => {
  const app = debugApp({
    verdicts: () => sampleVerdicts.map((verdict) => Object.assign({ internal: 'x' }, verdict)),
  });
  assert.deepEqual(await (await get(app, '/debug/objects', 200)).json(), sampleVerdicts);
  async function names(query: string): Promise<string[]> {
    const found = (await (await get(app, `/debug/objects?${query}`, 200)).json()) as { name: string }[];
    return found.map(({ name }) => name);
  }
  assert.deepEqual(await names('state=rejected'), ['broken']);
  assert.deepEqual(await names('kind=Ingress&namespace=default'), ['cart', 'shop']);
  assert.deepEqual(await names('namespace='), ['foreign']);
  assert.deepEqual(await names('name=shop&state=served'), ['shop']);
  assert.deepEqual(await names('name=shop&state=ignored'), []);
  assert.deepEqual(await names('limit=2'), ['cart', 'shop']);
});

test('/debug/generations is newest first, its lists of objects bounded, with the totals', async () => {
  const many = Array.from({ length: 250 }, (_, i) => `Ingress/default/i${i}`);
  const app = debugApp({
    generations: () => [
      generation(2, { outcome: 'failed', message: 'nginx said no', objectsChanged: many }),
      generation(1),
    ],
  });
  const all = (await (await get(app, '/debug/generations', 200)).json()) as Record<string, unknown>[];
  assert.deepEqual(
    all.map((info) => info['number']),
    [2, 1],
  );
  assert.deepEqual(all[0]?.['objectsChanged'], many.slice(0, 100));
  assert.equal(all[0]?.['objectsChangedTotal'], 250);
  assert.deepEqual(all[1], {
    number: 1,
    generation: '0000000000000001',
    at: '2026-01-02T03:04:01.000Z',
    reasons: ['objects changed'],
    seconds: { translate: 0.01, test: 0.1, verify: 0.25 },
    outcome: 'superseded',
    message: null,
    objectsChanged: ['Ingress/default/shop'],
    objectsChangedTotal: 1,
    quarantined: [],
    quarantinedTotal: 0,
    textKept: true,
  });
  const limited = (await (await get(app, '/debug/generations?limit=1', 200)).json()) as unknown[];
  assert.equal(limited.length, 1);
});

test('/debug/ is HTML with every value escaped, or JSON for who asks for it', async () => {
  const hostile = '<script>alert("x")</script>&\'';
  const app = debugApp({
    readiness: () => ({ ready: false, reason: hostile }),
    failed: () => ({ ...sampleFailure, message: hostile }),
    generations: () => [generation(1, { reasons: [hostile], message: hostile })],
  });
  const page = await get(app, '/debug/', 200);
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  const html = await page.text();
  assert.doesNotMatch(html, /<script>/);
  assert.equal(html.split('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#x27;').length, 5);
  for (const path of ['/debug/config', '/debug/config/failed', '/debug/model', '/debug/objects']) {
    assert.ok(html.includes(`href="${path}"`), path);
  }
  assert.match(html, /state&#x3D;rejected"><span class="count">1</);
  const data = (await (
    await app.request('/debug/', { headers: { Accept: 'application/json' } })
  ).json()) as Record<string, unknown>;
  assert.deepEqual(data['live'], { number: 3, generation: '0000000000000003' });
  const redirect = await app.request('/debug');
  assert.equal(redirect.status, 308);
  assert.equal(redirect.headers.get('location'), '/debug/');
});

test('every page is read-only and has a HEAD', async () => {
  const app = debugApp({ failed: () => sampleFailure });
  for (const path of [
    '/debug/',
    '/debug/config',
    '/debug/config/failed',
    '/debug/model',
    '/debug/objects',
    '/debug/generations',
  ]) {
    const head = await app.request(path, { method: 'HEAD' });
    assert.equal(head.status, 200, path);
    assert.equal(await head.text(), '', path);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      assert.equal((await app.request(path, { method })).status, 405, `${method} ${path}`);
    }
  }
});

test('a request that came through a proxy is refused, on every page and path', async () => {
  const app = debugApp({ failed: () => sampleFailure });
  for (const path of ['/debug', '/debug/', '/debug/config', '/debug/model', '/debug/objects', '/nothing']) {
    // An empty one counts: nginx sends the header whatever the address is.
    for (const address of ['192.0.2.7', '']) {
      const answer = await app.request(path, { headers: { Host: 'localhost', 'X-Real-IP': address } });
      assert.equal(answer.status, 403, path);
      const { error } = (await answer.json()) as { error: string };
      assert.match(error, /came through a proxy/);
    }
  }
});

test('a request that names a foreign host is refused, whatever it asks for', async () => {
  const app = debugApp({}, ['debug.example']);
  for (const [host, status] of [
    ['localhost', 200],
    ['localhost:8081', 200],
    ['LOCALHOST:1', 200],
    ['127.0.0.1:8081', 200],
    ['10.1.2.3', 200],
    ['[::1]:8081', 200],
    ['debug.example:8081', 200],
    ['evil.example', 403],
    ['evil.example:8081', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['debug.example.evil.example', 403],
    ['[localhost]', 403],
    ['127.0.0.1:8081:1', 403],
    ['', 403],
  ] as const) {
    const answer = await app.request('/debug/objects', { headers: { Host: host } });
    assert.equal(answer.status, status, host);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    await answer.text();
  }
  const missing = await app.request('/nothing', { method: 'POST', headers: { Host: 'evil.example' } });
  assert.equal(missing.status, 403);
});
