import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { Hono } from 'hono';
import { cachedReviewer, type Review, type Reviewer } from '../../src/observe/access-cache.ts';
import { createAccess } from '../../src/observe/access.ts';
import { createReadOnlyApp } from '../../src/observe/http-server-app.ts';
import { listen } from '../../src/observe/http-server.ts';
import { ownAddress } from '../support/cluster-gateway.ts';
import { http, type HttpAnswer } from '../support/http-client.ts';

const limits = { allowedMs: 60_000, refusedMs: 10_000, entries: 3, burst: 4, perSecond: 1 };
const yes: Review = { outcome: 'allowed', user: 'ann' };

interface Asked {
  readonly review: Reviewer;
  readonly questions: string[];
  /** Milliseconds. */
  readonly wait: (ms: number) => void;
}

/** A cached reviewer with a clock of its own; `answer` is what the other side says of a token. */
function asked(answer: (token: string) => Review | Promise<Review>): Asked {
  const questions: string[] = [];
  let now = 5000;
  const review = cachedReviewer(
    async (token) => {
      questions.push(token);
      return await answer(token);
    },
    limits,
    () => now,
  );
  return {
    review,
    questions,
    wait(ms) {
      now += ms;
    },
  };
}

describe('the memory of reviews', () => {
  test('a yes holds for a minute, a no for ten seconds', async () => {
    const { review, questions, wait } = asked((token) =>
      token === 'good' ? yes : { outcome: 'forbidden', user: 'bob' },
    );
    assert.deepEqual(await review('good'), yes);
    assert.deepEqual(await review('bad'), { outcome: 'forbidden', user: 'bob' });
    wait(9000);
    await review('good');
    await review('bad');
    assert.deepEqual(questions, ['good', 'bad']);
    wait(2000);
    await review('good');
    await review('bad');
    assert.deepEqual(questions.slice(2), ['bad']);
    wait(60_000);
    await review('good');
    assert.equal(questions.length, 4);
  });

  test('trouble is not remembered, and a question that is under way is not asked twice', async () => {
    let answer: Review = { outcome: 'unavailable', reason: 'away' };
    const { review, questions } = asked(() => answer);
    const both = await Promise.all([review('good'), review('good')]);
    assert.deepEqual(both, [answer, answer]);
    assert.equal(questions.length, 1);
    answer = yes;
    assert.deepEqual(await review('good'), yes);
  });

  test('strangers who try tokens are not a load for long, and push nobody out', async () => {
    const { review, questions, wait } = asked((token) => (token === 'good' ? yes : { outcome: 'unknown' }));
    await review('good');
    for (let i = 0; i < 50; i += 1) {
      await review(`wrong-${i}`);
    }
    assert.equal(questions.length, limits.burst);
    const refused = await review('another');
    assert.match(JSON.stringify(refused), /unavailable.*too many tokens/u);
    assert.deepEqual(await review('good'), yes);
    wait(2000);
    await review('another');
    assert.equal(questions.length, limits.burst + 1);
    // Of the wrong ones, only the newest three are kept.
    wait(4000);
    await review('wrong-0');
    assert.equal(questions.length, limits.burst + 2);
  });
});

interface Guarded {
  readonly port: number;
  readonly questions: string[];
  readonly log: string[];
  readonly ask: (headers?: Record<string, string>, path?: string) => Promise<HttpAnswer>;
}

const noOtherAddress = ownAddress === null && 'NOT RUN: this machine has no address but loopback';

/** A page behind the guard, on all addresses; `ask` comes from an address that is not loopback. */
async function guarded(t: TestContext, review: Reviewer | null): Promise<Guarded> {
  const questions: string[] = [];
  const log: string[] = [];
  function note(message: string, fields?: object): void {
    log.push(`${message} ${JSON.stringify(fields)}`);
  }
  const asking: Reviewer | null =
    review &&
    (async (token) => {
      questions.push(token);
      return await review(token);
    });
  const access = createAccess({
    allowedHosts: [],
    tokens: asking && { review: asking, log: { info: note, warn: note } },
  });
  const pages = createReadOnlyApp(
    {
      '/debug/': (context) => context.text('page'),
      '/debug/explain': (context) => context.text('explanation'),
    },
    assert.ifError,
    access,
  );
  const app = new Hono().route('/', pages);
  const timeouts = { readTimeout: 30, writeTimeout: 30, idleTimeout: 60, onError: assert.ifError };
  const server = await listen({ setting: 'debug.addr', addr: { host: '', port: 0 }, ...timeouts }, app);
  t.after(() => server.close());
  const { port } = server.address;
  return {
    port,
    questions,
    log,
    ask: async (headers = {}, path = '/debug/') =>
      await http({ port, address: ownAddress ?? '', path, host: 'gateway.example', headers }),
  };
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

describe('the guard of the debug pages', { skip: noOtherAddress }, () => {
  test('asks strangers for a token and says what became of it', async (t) => {
    const { ask, questions, log } = await guarded(t, (token) => {
      const answers: Record<string, Review> = {
        good: yes,
        weak: { outcome: 'forbidden', user: 'bob' },
        late: { outcome: 'unavailable', reason: 'connect ECONNREFUSED 10.0.0.1:443' },
      };
      return Promise.resolve(answers[token] ?? { outcome: 'unknown' });
    });
    const none = await ask();
    assert.equal(none.status, 401);
    assert.equal(none.headers['www-authenticate'], 'Bearer realm="cloud-native-gateway"');
    assert.match(none.body, /a bearer token is needed.*kubectl port-forward/u);
    assert.equal(none.headers['cache-control'], 'no-store');

    assert.deepEqual([(await ask(bearer('good'))).status, (await ask(bearer('good'))).body], [200, 'page']);
    assert.equal((await ask({ authorization: 'bearer good' })).status, 200);
    const wrong = await ask(bearer('wrong'));
    assert.equal(wrong.status, 401);
    assert.match(wrong.headers['www-authenticate'] ?? '', /error="invalid_token"/u);
    const weak = await ask(bearer('weak'));
    assert.equal(weak.status, 403);
    assert.match(weak.body, /bob may not get \/debug\/: a ClusterRole/u);
    const late = await ask(bearer('late'));
    assert.equal(late.status, 503);
    assert.equal(late.headers['retry-after'], '5');
    assert.doesNotMatch(late.body, /ECONNREFUSED/u);
    assert.equal((await ask(bearer('late'))).status, 503);

    assert.deepEqual(new Set(questions), new Set(['good', 'wrong', 'weak', 'late']));
    assert.deepEqual(log, [
      'Somebody asked for debug pages with a token {"user":"ann","outcome":"allowed"}',
      'Somebody asked for debug pages with a token {"user":"bob","outcome":"forbidden"}',
      'A token for the debug pages cannot be checked {"reason":"connect ECONNREFUSED 10.0.0.1:443"}',
    ]);
  });

  test('a path that is not there is guarded, too', async (t) => {
    const { ask, questions } = await guarded(t, () => Promise.resolve(yes));
    assert.equal((await ask({}, '/debug/nothing')).status, 401);
    assert.equal((await ask(bearer('good'), '/debug/nothing')).status, 404);
    assert.deepEqual(questions, ['good']);
  });

  test('what cannot be a token is not passed on', async (t) => {
    const { ask, port, questions } = await guarded(t, () => Promise.resolve(yes));
    const hostile = [
      'Basic YW5uOnNlY3JldA==',
      'Bearer',
      'Bearer ',
      'Bearer a b',
      'Bearer a, Bearer b',
      'Bearer "a"',
      'Bearer a\u0000b'.replace('\u0000', '%00'),
      'Bearer t\u00f6ken',
      `Bearer ${'a'.repeat(8193)}`,
      'Bearer ../../x?y#z',
    ];
    for (const authorization of hostile) {
      assert.equal((await ask({ authorization })).status, 401, authorization.slice(0, 40));
    }
    // Node's own client would not send these.
    for (const line of ['Bearer a\rX-Other: b', 'Bearer a\u0001b', 'Bearer \xff\xfe', 'Bearer a\u0000']) {
      const socket = connect(port, ownAddress ?? '');
      t.after(() => socket.destroy());
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      let said = '';
      socket.setEncoding('latin1').on('data', (data: string) => (said += data));
      socket.write(
        `GET /debug/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: ${line}\r\n\r\n`,
        'latin1',
      );
      await once(socket, 'close');
      assert.match(said, /^HTTP\/1\.1 40[01] /u, JSON.stringify(line));
    }
    assert.deepEqual(questions, []);
    // As long as they may be, and not longer.
    assert.equal((await ask(bearer('a'.repeat(8192)))).status, 200);
  });

  test('this machine needs no token, and a rebound name and a proxy get nothing', async (t) => {
    const { ask, port, questions } = await guarded(t, () => Promise.resolve(yes));
    assert.equal((await http({ port, path: '/debug/' })).status, 200);
    const rebound = await http({ port, path: '/debug/', host: 'evil.example' });
    assert.equal(rebound.status, 403);
    assert.match(rebound.body, /host \\"evil\.example\\" is not served here/u);
    const proxied = { ...bearer('good'), 'x-real-ip': '192.0.2.1' };
    assert.equal((await ask(proxied)).status, 403);
    assert.equal((await http({ port, path: '/debug/', headers: proxied })).status, 403);
    assert.deepEqual(questions, []);
  });

  test('pages of other sites have a browser ask for nothing but a page', async (t) => {
    const { port } = await guarded(t, null);
    async function status(site: string, mode: string, dest: string, path = '/debug/'): Promise<number> {
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest };
      return (await http({ port, path, headers })).status;
    }
    const question = '/debug/explain?url=http%3A%2F%2Fshop.test%2F';
    for (const site of ['cross-site', 'same-site']) {
      assert.equal(await status(site, 'no-cors', 'image'), 403);
      assert.equal(await status(site, 'cors', 'empty'), 403);
      assert.equal(await status(site, 'navigate', 'iframe'), 403);
      assert.equal(await status(site, 'navigate', 'document'), 200);
      assert.equal(await status(site, 'navigate', 'document', question), 403);
      assert.equal(await status(site, 'navigate', 'document', '/debug/explain'), 200);
    }
    for (const site of ['same-origin', 'none']) {
      assert.equal(await status(site, 'navigate', 'document', question), 200);
      assert.equal(await status(site, 'no-cors', 'image'), 200);
    }
  });

  test('where nobody knows tokens, strangers are refused with and without', async (t) => {
    const { ask, port } = await guarded(t, null);
    assert.equal((await ask()).status, 403);
    assert.equal((await ask(bearer('good'))).status, 403);
    assert.equal((await http({ port, path: '/debug/' })).status, 200);
  });
});
