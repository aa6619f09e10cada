import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { Explanation } from '../../src/explain/explanation.ts';
import type { AskedRequest } from '../../src/explain/request.ts';
import { findInstallation } from '../../src/installation.ts';
import { createDebugApp } from '../../src/observe/debug.ts';
import { listen } from '../../src/observe/http-server.ts';
import type { ControllerView } from '../../src/observe/view.ts';
import { eventually } from '../support/gateway.ts';
import { sampleView } from './sample-view.ts';

const explanation: Explanation = {
  request: {
    url: 'http://shop.example/',
    method: 'GET',
    scheme: 'http',
    host: 'shop.example',
    hostHeader: 'shop.example',
    sni: null,
    port: null,
    uri: '/',
    args: '',
    requestUri: '/',
    headers: [],
    client: null,
    notes: [],
  },
  listener: null,
  server: {
    names: ['shop.example'],
    match: 'exact',
    matched: 'shop.example',
    why: '',
    origin: {
      object: 'Ingress/default/shop',
      kind: 'Ingress',
      namespace: 'default',
      name: 'shop',
      field: null,
      rule: null,
      path: null,
    },
    line: null,
    tls: null,
    losers: [],
    moreLosers: 0,
  },
  location: {
    modifier: '=',
    path: '/a b',
    why: '',
    origin: {
      object: 'Ingress/default/cart',
      kind: 'Ingress',
      namespace: 'default',
      name: 'cart',
      field: null,
      rule: null,
      path: null,
    },
    line: null,
    losers: [],
    moreLosers: 0,
  },
  steps: [],
  outcome: { kind: 'unknown', text: '', provided: [] },
  verdict: null,
  remarks: [],
};

const text = [
  'http {',
  '  server { server_name other.example; }',
  '  server {',
  '    server_name shop.example www.shop.example;',
  '    location / { return 404; }',
  '    location = "/a b" {',
  '      return 204;',
  '    }',
  '  }',
  '}',
].join('\n');

async function ask(
  query: string,
  changes: Partial<ControllerView> = {},
): Promise<{ readonly status: number; readonly body: Partial<Explanation> & { readonly error?: string } }> {
  const app = createDebugApp(
    sampleView(changes),
    { version: '1', templatesFolder: findInstallation().templates, allowedHosts: [] },
    (error) => {
      throw error;
    },
  );
  const answer = await app.request(`/debug/explain${query}`);
  return { status: answer.status, body: (await answer.json()) as Partial<Explanation> };
}

describe('/debug/explain', () => {
  it('says what is wrong with a question', async () => {
    for (const [query, said] of [
      ['', /give the URL of a request/u],
      ['?url=x', /is no URL/u],
      ['?url=http%3A%2F%2Fa%2F&host=b', /unknown parameter "host"/u],
      ['?url=http%3A%2F%2Fa%2F&url=http%3A%2F%2Fb%2F', /"url" is given twice/u],
      ['?url=http%3A%2F%2Fa%2F&header=x', /"Name: value"/u],
      ['?url=http%3A%2F%2Fa%2F&method=%20', /no method/u],
    ] as const) {
      const { status, body } = await ask(query);
      assert.equal(status, 400, query);
      assert.match(body.error ?? '', said);
    }
  });

  it('says that there is nothing to explain from', async () => {
    const { status, body } = await ask('?url=http%3A%2F%2Fa%2F');
    assert.equal(status, 503);
    assert.match(body.error ?? '', /no model/u);
  });

  it('hands all of the question on, and adds verdict and lines', async () => {
    let seen: AskedRequest | null = null;
    const { status, body } = await ask(
      '?url=https%3A%2F%2Fa%2Fb&method=POST&header=X-A%3A%201&header=X-A%3A%202&client=192.0.2.1',
      {
        explain: (asked) => {
          seen = asked;
          return Promise.resolve(explanation);
        },
        configText: () => text,
        sourceMap: () => ({
          ranges: [
            { first: 2, last: 2, object: 'Ingress/default/shop' },
            { first: 3, last: 9, object: 'Ingress/default/shop' },
            { first: 6, last: 8, object: 'Ingress/default/cart' },
          ],
        }),
      },
    );
    assert.equal(status, 200);
    assert.deepEqual(seen, {
      url: 'https://a/b',
      method: 'POST',
      scheme: 'https',
      name: 'a',
      port: null,
      target: '/b',
      hostHeader: 'a',
      ownHost: false,
      headers: [
        { name: 'X-A', value: '1' },
        { name: 'X-A', value: '2' },
      ],
      client: '192.0.2.1',
    });
    assert.equal(body.server?.line, 3);
    assert.equal(body.location?.line, 6);
    assert.equal(body.verdict?.name, 'cart');
  });

  it('says that templates of an operator print the text', async () => {
    const { body } = await ask('?url=http%3A%2F%2Fa%2F', {
      explain: () => Promise.resolve(explanation),
      templates: () => ({
        json: () => ({
          templates: [
            { name: 'location', contract: 1, replaces: 'abc' },
            { name: 'server', contract: null, replaces: null },
          ],
        }),
        text: () => '',
        textOf: () => null,
        builtinTextOf: () => null,
      }),
    });
    assert.match(body.remarks?.join() ?? '', /templates of the operator .*\(location\)/u);
  });

  it('explains one request at a time, refuses too many, and passes over whoever hangs up', async (t) => {
    const seen: string[] = [];
    const free = Promise.withResolvers<Explanation>();
    const sockets: Socket[] = [];
    const app = createDebugApp(
      sampleView({
        explain: async ({ target }) => {
          seen.push(target);
          return await free.promise;
        },
      }),
      {
        version: '1',
        templatesFolder: findInstallation().templates,
        allowedHosts: [],
        access: (context) => {
          sockets.push((context.env as { incoming: IncomingMessage }).incoming.socket);
          return Promise.resolve(null);
        },
      },
      assert.ifError,
    );
    const addr = { host: '127.0.0.1', port: 0 };
    const timeouts = { readTimeout: 60, writeTimeout: 60, idleTimeout: 60, onError: assert.ifError };
    const server = await listen({ setting: 'debug.addr', addr, ...timeouts }, app);
    t.after(() => server.close());
    const url = `http://127.0.0.1:${server.address.port}/debug/explain?url=http%3A%2F%2Fa%2F`;

    const first = fetch(`${url}first`);
    await eventually('the first has come', () => sockets.length === 1);
    const leaving = new AbortController();
    const gone = Promise.allSettled(
      Array.from({ length: 8 }, () => fetch(`${url}gone`, { signal: leaving.signal })),
    );
    await eventually('eight more have come', () => sockets.length === 9);
    const late = await fetch(`${url}late`);
    assert.equal(late.status, 503);
    assert.equal(late.headers.get('retry-after'), '2');
    assert.match(await late.text(), /too many requests are being explained/u);

    leaving.abort();
    await gone;
    await eventually('eight have gone', () => sockets.slice(1, 9).every(({ destroyed }) => destroyed));
    const last = fetch(`${url}last`);
    await eventually('the last has come', () => sockets.length === 11);
    free.resolve(explanation);
    assert.deepEqual([(await first).status, (await last).status], [200, 200]);
    assert.deepEqual(seen, ['/first', '/last']);
  });

  it('leaves lines out that the text does not have', async () => {
    const { body } = await ask('?url=http%3A%2F%2Fa%2F', { explain: () => Promise.resolve(explanation) });
    assert.equal(body.server?.line, null);
    assert.equal(body.location?.line, null);
  });
});
