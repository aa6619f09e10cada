import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Hono } from 'hono';
import { findInstallation } from '../../../src/installation.ts';
import { createDebugApp } from '../../../src/observe/debug.ts';
import type { OriginRange } from '../../../src/model/candidate.ts';
import type { ObjectKey } from '../../../src/model/object-ref.ts';
import type { ControllerView } from '../../../src/observe/view.ts';
import { generation, sampleFailure } from '../sample-view.ts';
import { builtView, hostile } from './built-view.ts';
import { trafficOf } from './sample-traffic.ts';

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

const pages = [
  '/debug/',
  '/debug/routes',
  '/debug/routes?q=shop',
  '/debug/objects',
  '/debug/objects?state=&kind=Ingress&namespace=&q=shop',
  '/debug/object?object=Ingress/default/shop',
  '/debug/object?object=Service/default/front',
  '/debug/object?object=ConfigMap/default/words',
  '/debug/object?object=EndpointSlice/default/front-1',
  '/debug/config',
  '/debug/config?object=Ingress/default/shop',
  '/debug/config?q=shop',
  '/debug/config/failed',
  '/debug/generations',
  '/debug/diff',
  '/debug/diff?from=2&to=3&object=Ingress/default/shop',
  '/debug/template',
  '/debug/template?name=server',
  '/debug/explain',
  '/debug/explain?url=http://shop.example/cart&client=192.0.2.1',
  '/debug/explain?url=https://old.example/',
  `/debug/explain?url=${encodeURIComponent(`http://shop.example/${encodeURIComponent(hostile)}`)}&header=${encodeURIComponent(`X-A: ${hostile}`)}`,
];

const refusedPages = [
  `/debug/explain?url=${encodeURIComponent(`http://shop.example/${hostile}?${hostile}`)}&header=${encodeURIComponent(`X-A: ${hostile}`)}`,
  `/debug/explain?url=${encodeURIComponent(hostile)}&method=${encodeURIComponent(hostile)}&client=${encodeURIComponent(hostile)}`,
];

async function app(t: TestContext, changes: Partial<ControllerView> = {}): Promise<Hono> {
  const { view } = await builtView(t, changes);
  const options = { version: '1.2.3', templatesFolder: findInstallation().templates, allowedHosts: [] };
  return createDebugApp(view, options, (error) => {
    throw error;
  });
}

function range(first: number, last: number, object: ObjectKey): OriginRange {
  return { first, last, object };
}

async function page(from: Hono, path: string, status = 200): Promise<string> {
  const answer = await from.request(path, { headers: { Accept: browser } });
  assert.equal(answer.status, status, path);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/html/u, path);
  const policy = answer.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/u);
  assert.doesNotMatch(policy, /unsafe|\*|http/u);
  assert.equal(answer.headers.get('vary'), 'Accept');
  return await answer.text();
}

test('every page escapes what is in names, fields, reasons, messages and texts', async (t) => {
  const { view } = await builtView(t);
  const verdicts = view
    .verdicts()
    .map((one) => ({ ...one, reasons: [...one.reasons, { field: hostile, message: hostile }] }));
  const from = await app(t, {
    verdicts: () => verdicts,
    failed: () => ({
      ...sampleFailure,
      message: hostile,
      text: `a "${hostile}";\n# ${hostile}\n}`,
      objects: [`Ingress/default/${hostile}`],
    }),
    generations: () => [
      generation(3, { outcome: 'live', message: hostile, reasons: [hostile], quarantined: [hostile] }),
      generation(2, { objectsChanged: [hostile, 'Ingress/default/shop'] }),
    ],
    readiness: () => ({ ready: false, reason: hostile, stale: hostile }),
    liveness: () => ({ healthy: false, reason: hostile }),
    outputs: () => ({
      leader: { isLeader: false, holder: hostile, trouble: hostile },
      status: { written: 1, behind: 1, trouble: hostile },
      events: { waiting: 1, written: 1, leftOut: 1, trouble: hostile },
    }),
    templates: () => ({
      json: () => ({
        contract: 1,
        extensions: [
          {
            id: hostile,
            from: hostile,
            inForce: hostile,
            trouble: { file: hostile, line: 1, message: hostile },
          },
        ],
        troubles: [{ file: hostile, line: null, message: hostile }],
        templates: [
          { name: hostile, from: hostile, hash: hostile, replaces: hostile, contract: 1, drifted: true },
        ],
      }),
      text: () => hostile,
      textOf: () => hostile,
      builtinTextOf: () => 'other\n',
    }),
    traffic: () => trafficOf(hostile),
  });
  let seen = 0;
  for (const path of [...pages, ...refusedPages]) {
    const html = await page(from, path, pages.includes(path) ? 200 : 400);
    assert.doesNotMatch(html, /<img src=x|<script>|alert\(1\)<\/script>/u, path);
    // In each place as text: no quote of it ends an attribute.
    for (const [, attribute] of html.matchAll(/="([^"]*)"/gu)) {
      assert.doesNotMatch(attribute ?? '', /[<>]/u, path);
    }
    seen += html.split('&lt;script&gt;alert(1)').length - 1;
    assert.doesNotMatch(html, /\[object Object\]|undefined|NaN/u, path);
  }
  assert.ok(seen > 60, `the text was printed ${seen} times`);
});

test('a browser gets pages; all others get what they got before there were any', async (t) => {
  const from = await app(t, { failed: () => sampleFailure });
  for (const [path, type] of [
    ['/debug/routes', 'application/json'],
    ['/debug/objects', 'application/json'],
    ['/debug/object?object=Ingress/default/shop', 'application/json'],
    ['/debug/generations', 'application/json'],
    ['/debug/template', 'application/json'],
    ['/debug/config', 'text/plain'],
    ['/debug/config/failed', 'text/plain'],
    ['/debug/diff', 'text/plain'],
    ['/debug/template?name=server', 'text/plain'],
  ] as const) {
    for (const accept of ['*/*', '', 'application/json']) {
      const answer = await from.request(path, { headers: { Accept: accept } });
      assert.equal(answer.headers.get('content-type'), `${type}; charset=utf-8`, `${path} ${accept}`);
      await answer.text();
    }
    await page(from, path);
    const html = await from.request(`${path}${path.includes('?') ? '&' : '?'}format=html`);
    assert.match(html.headers.get('content-type') ?? '', /^text\/html/u);
    const json = await from.request(`${path}${path.includes('?') ? '&' : '?'}format=json`, {
      headers: { Accept: browser },
    });
    if (!path.includes('name=')) {
      assert.ok(await json.json(), path);
    }
  }
  for (const path of ['/debug/config?format=pdf', '/debug/?format=html&format=json']) {
    assert.equal((await from.request(path)).status, 400, path);
  }
});

test('a refusal is a page for a browser, with the words and the status of the JSON', async (t) => {
  const from = await app(t, { live: () => null, model: () => null });
  for (const [path, status, words] of [
    ['/debug/config/failed', 404, /no configuration has failed/u],
    ['/debug/config?generation=9', 404, /there is no generation 9/u],
    ['/debug/config?generation=x', 400, /&quot;x&quot; is not a whole number/u],
    ['/debug/object', 400, /object: it is missing/u],
    ['/debug/object?object=Ingress/default/nobody', 404, /Ingress\/default\/shop/u],
    ['/debug/routes', 404, /no generation is live yet/u],
    ['/debug/objects?state=%3Cscript%3E', 400, /&lt;script&gt;/u],
    ['/debug/template?name=nothing', 404, /there is no template/u],
    ['/debug/traffic?ingress=a', 400, /together with its namespace/u],
  ] as const) {
    assert.match(await page(from, path, status), words, path);
    const plain = await from.request(path);
    assert.equal(plain.status, status);
    assert.ok(((await plain.json()) as { error: string }).error);
  }
});

test('what pages load is there, is not guessed at, and names nothing outside', async (t) => {
  const from = await app(t);
  const html = await page(from, '/debug/');
  const loaded = [...html.matchAll(/(?:src|href)="(\/debug\/[a-z]+\.[a-z]+\?[0-9a-f]+)"/gu)].map(
    (match) => match[1],
  );
  assert.deepEqual(
    new Set(loaded.map((path) => path?.replace(/\?.*/u, ''))),
    new Set(['/debug/icon.svg', '/debug/style.css', '/debug/script.js']),
  );
  for (const path of loaded) {
    const answer = await from.request(path ?? '');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.doesNotMatch(await answer.text(), /https?:(?!\/\/www\.w3\.org\/2000\/svg)|@import|url\(/u);
  }
  assert.doesNotMatch(html, /(?:src|href|action)="(?!\/debug\/|#)|style=|onclick|<script>/u);
});

test('the page of an object has its verdict, routes, endpoints, lines, YAML and what it is together with', async (t) => {
  const from = await app(t);
  const html = await page(from, '/debug/object?object=Ingress/default/shop');
  for (const words of [
    /proxy-body-size\?/u,
    /Service\/default\/next/u,
    /Ingress\/default\/canary/u,
    /10\.0\.0\.1:8080/u,
    /10\.0\.9\.9/u,
    /not ready/u,
    /server_name<\/span>/u,
    /kind: Ingress/u,
    /pathType: Exact/u,
  ]) {
    assert.match(html, words);
  }
  const answer = await from.request('/debug/object?object=Ingress/default/shop');
  const data = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual(Object.keys(data), [
    'object',
    'verdict',
    'manifest',
    'routes',
    'endpoints',
    'related',
    'generations',
    'lines',
    'traffic',
  ]);
  assert.equal((data['endpoints'] as unknown[]).length, 3);
});

test('a long configuration is shown in pages, and a line is on the page that is asked for with it', async (t) => {
  const text = Array.from({ length: 2500 }, (_, index) => `set $a "line ${index + 1}";`).join('\n');
  const from = await app(t, { configText: () => text, sourceMap: () => ({ ranges: [] }) });
  async function lines(path: string): Promise<[number, number]> {
    const ids = [...(await page(from, path)).matchAll(/id="L(\d+)"/gu)].map((match) => Number(match[1]));
    return [ids[0] ?? 0, ids.at(-1) ?? 0];
  }
  assert.deepEqual(await lines('/debug/config'), [1, 1000]);
  assert.deepEqual(await lines('/debug/config?page=3'), [2001, 2500]);
  assert.deepEqual(await lines('/debug/config?page=99'), [2001, 2500]);
  assert.deepEqual(await lines('/debug/config?line=1001'), [1001, 2000]);
  assert.deepEqual(await lines('/debug/config?line=99999'), [2001, 2500]);
  assert.deepEqual(await lines('/debug/config?lines=10-12'), [10, 12]);
  const hits = await page(from, '/debug/config?q=LINE+240');
  assert.match(hits, /11 lines have it/u);
  assert.match(hits, /href="\/debug\/config\?line&#x3D;2400#L2400"/u);
});

test('the failed page shows the line that was complained about, and all others when asked', async (t) => {
  const text = Array.from({ length: 300 }, (_, index) => `a ${index + 1};`).join('\n');
  const from = await app(t, { failed: () => ({ ...sampleFailure, text, line: 200 }) });
  const html = await page(from, '/debug/config/failed');
  assert.match(html, /class="line marked" id="L200"/u);
  assert.equal([...html.matchAll(/id="L\d+"/gu)].length, 51);
  const all = await page(from, '/debug/config/failed?page=1');
  assert.equal([...all.matchAll(/id="L\d+"/gu)].length, 300);
  const data = (await (await from.request('/debug/config/failed?format=json')).json()) as { line: number };
  assert.equal(data.line, 200);
});

test('a difference can be asked for of one object, as text, and between any two kept generations', async (t) => {
  const from = await app(t);
  const text = await (await from.request('/debug/diff')).text();
  assert.match(text, /^--- generation 2\n\+\+\+ generation 3\n@@ /u);
  assert.match(text, /\n-\s+server_name earlier\.example;\n\+\s+server_name shop\.example;\n/u);
  assert.match(
    await (await from.request('/debug/diff?from=3&to=2')).text(),
    /\n-\s+server_name shop\.example;/u,
  );
  assert.equal(await (await from.request('/debug/diff?object=Ingress/default/gone')).text(), '');
  assert.match(await page(from, '/debug/diff?object=Ingress/default/gone'), /Nothing/u);
  assert.equal((await from.request('/debug/diff?from=1')).status, 404);
  assert.match(
    await page(from, '/debug/diff'),
    /href="\/debug\/object\?object&#x3D;Ingress\/default\/shop"/u,
  );
});

test('a change that only removes lines is under the object that they were of', async (t) => {
  const texts = new Map([
    [2, 'a;\nb;\ngone 1;\ngone 2;\nc;\nd;\n'],
    [3, 'a;\nb;\nc;\nd;\n'],
  ]);
  const [stays, gone] = ['Ingress/default/stays', 'Ingress/default/gone'];
  const from = await app(t, {
    configText: (number) => texts.get(number ?? 3) ?? null,
    sourceMap: (number) => ({
      ranges:
        number === 2 ? [range(1, 2, stays), range(3, 4, gone), range(5, 6, stays)] : [range(1, 4, stays)],
    }),
  });
  const removal = await page(from, '/debug/diff?from=2&to=3');
  assert.match(removal, /<p class="place">former line 3 · <a [^>]*>Ingress\/default\/gone<\/a>/u);
  const addition = await page(from, '/debug/diff?from=3&to=2');
  assert.match(addition, /<p class="place">line 3 · <a [^>]*>Ingress\/default\/gone<\/a>/u);
});

test('a request is explained below its form, with what was filled in', async (t) => {
  const from = await app(t);
  const html = await page(
    from,
    '/debug/explain?url=http://shop.example/cart/1&method=POST&header=A:+1%0D%0AB:+2',
  );
  assert.match(html, /class="verdict-line">[^<]*Service\/default\/cart/u);
  assert.match(html, /<option selected>POST<\/option>/u);
  assert.match(html, />A: 1\nB: 2<\/textarea>/u);
  assert.match(html, /href="\/debug\/config\?line&#x3D;\d+#L\d+">line \d+ of nginx\.conf/u);
  assert.match(html, /href="\/debug\/object\?object&#x3D;Ingress\/default\/shop"/u);
  assert.match(html, /header&#x3D;A%3A\+1&amp;header&#x3D;B%3A\+2/u);
  const answer = await from.request(
    '/debug/explain?url=http://shop.example/cart/1&format=json&header=A:1&header=B:2',
  );
  const { outcome } = (await answer.json()) as { outcome: { kind: string } };
  assert.equal(outcome.kind, 'proxied');
  assert.match(await page(from, '/debug/explain?url=nothing', 400), /role="alert"/u);
  assert.equal((await from.request('/debug/explain?url=nothing')).status, 400);
  assert.match(
    await page(await app(t, { live: () => null }), '/debug/explain?url=http://shop.example/', 503),
    /no model to explain from yet/u,
  );
  assert.equal((await from.request('/debug/explain')).status, 400);
});

test('credentials that were filled in are used, and are neither in the form nor in a link', async (t) => {
  const from = await app(t);
  const headers = ['Authorization: Bearer sesame-1', 'X-Api-Key:sesame-2', 'A: 1', 'Cookie: sesame-3'];
  const query = `header=${encodeURIComponent(headers.join('\r\n'))}`;
  const html = await page(from, `/debug/explain?url=http://shop.example/cart/1&${query}`);
  assert.doesNotMatch(html, /sesame/u);
  assert.match(html, />A: 1<\/textarea>/u);
  assert.match(html, /header&#x3D;A%3A\+1"/u);
  assert.match(html, /Used, and not shown: Authorization, X-Api-Key, Cookie\./u);
  const wrong = await page(from, `/debug/explain?url=nothing&${query}`, 400);
  assert.doesNotMatch(wrong, /sesame/u);
});

test('charts have their words, a table and no line where nothing was measured; traffic is JSON', async (t) => {
  const from = await app(t, { traffic: () => trafficOf('/cart') });
  const html = await page(from, '/debug/object?object=Ingress/default/shop');
  assert.equal([...html.matchAll(/<svg viewBox="0 0 420 180" role="img"/gu)].length, 3);
  assert.match(html, /Requests from \d\d:\d\d to \d\d:\d\d UTC\. all: 5\/s at the end, at most 5\/s/u);
  assert.match(html, /<summary>Latency as a table<\/summary>/u);
  assert.match(html, /<code>\/cart<\/code>/u);
  const data = (await (await from.request('/debug/traffic?namespace=default')).json()) as {
    history: { buckets: unknown[] };
  };
  assert.equal(data.history.buckets.length, 120);
  assert.match(html, /Requests counted so far/u);
  const shop = trafficOf('/cart');
  const hosts = await app(t, {
    traffic: () => ({
      ...shop,
      totals: async () => {
        const totals = await shop.totals();
        const routes = ['a.example', 'b.example'].flatMap((host) =>
          totals.routes.map((route) => ({ ...route, host })),
        );
        return { ...totals, routes };
      },
    }),
  });
  const named = await page(hosts, '/debug/object?object=Ingress/default/shop');
  assert.match(named, /<code>a\.example\/cart<\/code>.*\n?.*<code>b\.example\/cart<\/code>/u);
  const gone = await app(t, {
    traffic: () => ({
      history: async () => await Promise.reject(new Error('gone')),
      totals: async () => await Promise.reject(new Error('gone')),
    }),
  });
  assert.match(await page(gone, '/debug/'), /does not answer/u);
  assert.match(await page(await app(t), '/debug/'), /Traffic is not measured here/u);
});
