import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ClusterObject } from '../../src/cluster/objects.ts';
import { withVerdict } from '../../src/explain/annotate.ts';
import { explain } from '../../src/explain/explain.ts';
import type { Explanation } from '../../src/explain/explanation.ts';
import { readQuestion, type Question } from '../../src/explain/request.ts';
import { explanationText } from '../../src/explain/text.ts';
import { refused } from '../../src/model/token.ts';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import { definePlugin } from '../../src/plugins/plugin.ts';
import { app, capabilities, ingress, meta, run, secret, type RunOptions } from '../translate/world.ts';

function ask(
  objects: readonly ClusterObject[],
  question: string | Question,
  options: RunOptions = {},
): Explanation {
  const asked = readQuestion(typeof question === 'string' ? { url: question } : question);
  if (refused(asked)) {
    throw new Error(asked.error);
  }
  const { model, verdicts } = run(objects, options);
  const before = JSON.stringify(model);
  const explanation = explain(model, capabilities, asked.value);
  assert.equal(JSON.stringify(model), before, 'the model stays as it is');
  return withVerdict(explanation, verdicts);
}

const shop = [
  ...app('app'),
  ...app('api'),
  ingress('shop', {
    rules: { 'shop.test': ['Prefix / app:80', 'Prefix /api api:80', 'Exact /api/exact app:80'] },
  }),
  ingress('wild', { rules: { '*.wild.test': ['Prefix / app:80'] } }),
];

/** What the options ConfigMap says. */
function withOptions(data: Readonly<Record<string, string>>): {
  readonly objects: ClusterObject[];
  readonly options: RunOptions;
} {
  return {
    objects: [{ kind: 'ConfigMap', meta: meta('options'), data }],
    options: { settings: { optionsConfigMap: 'default/options' } },
  };
}

describe('explain', () => {
  it('names server, location and object, and why the others lost, in the order of nginx', () => {
    const { server, location, outcome, verdict } = ask(shop, 'http://SHOP.test./api/v1?x=1');

    assert.deepEqual(server?.names, ['shop.test']);
    assert.equal(server?.match, 'exact');
    assert.deepEqual(
      [location?.modifier, location?.path, location?.origin?.rule, location?.origin?.path],
      ['', '/api/', 0, 1],
    );
    assert.equal(location?.origin?.field, 'spec.rules[0].http.paths[1]');
    assert.deepEqual(
      location?.losers.map(({ modifier, path, fits }) => [modifier, path, fits]),
      [
        ['=', '/api/exact', false],
        ['=', '/api', false],
        ['', '/', true],
      ],
    );
    assert.match(location?.losers.at(-1)?.why ?? '', /a longer prefix does, too/u);
    assert.equal(outcome.kind === 'proxied' ? outcome.uri : '', '/api/v1?x=1');
    assert.equal(outcome.kind === 'proxied' ? outcome.targets[0]?.service : '', 'Service/default/api');
    assert.deepEqual(outcome.provided, []);
    assert.equal(verdict?.state, 'served');
  });

  it('says that the default server takes a host that nobody has, and which one is like it', () => {
    const typo = ask(shop, 'http://shopp.test/');
    assert.equal(typo.server?.match, 'default');
    assert.match(typo.server?.why ?? '', /no server has the name shopp\.test/u);
    assert.match(typo.server?.losers[0]?.why ?? '', /its name shop\.test is like shopp\.test/u);
    assert.equal(typo.outcome.kind === 'answered' ? typo.outcome.status : 0, 404);
    assert.equal(typo.verdict, null);

    const deep = ask(shop, 'http://a.b.wild.test/');
    assert.match(deep.server?.losers[0]?.why ?? '', /exactly one label/u);
  });

  it('says what nginx answers to a body of unclear length, and to CONNECT', () => {
    for (const [headers, status] of [
      [['Transfer-Encoding: gzip'], 501],
      [['Transfer-Encoding:'], 501],
      [['Transfer-Encoding: chunked', 'Content-Length: 3'], 400],
      [['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], 400],
      [['Content-Length: abc'], 400],
      [['Content-Length: 9223372036854775808'], 400],
      [['Content-Length: 9223372036854775807'], 413],
    ] as const) {
      const { outcome } = ask(shop, { url: 'http://shop.test/m', headers });
      assert.equal(outcome.kind === 'answered' ? outcome.status : outcome.kind, status, headers.join());
    }
    const chunked = ask(shop, { url: 'http://shop.test/m', headers: ['Transfer-Encoding: Chunked'] });
    assert.equal(chunked.outcome.kind, 'proxied');

    const asked = readQuestion({ url: 'http://shop.test/m', method: 'CONNECT' });
    assert.ok(!refused(asked));
    const { model } = run(shop);
    for (const [version, said] of [
      ['1.22.1', 405],
      ['1.26.3', 'unknown'],
      ['1.30.6', 400],
    ] as const) {
      const { outcome } = explain(model, { ...capabilities, version }, asked.value);
      assert.equal(outcome.kind === 'answered' ? outcome.status : outcome.kind, said, version);
    }
  });

  it('tells the handshake apart from the request', () => {
    const objects = [
      ...shop,
      ingress('secure', {
        rules: { 'secure.test': ['Prefix / app:80'] },
        tls: [{ hosts: ['secure.test'], secretName: '' }],
      }),
    ];
    const { request, server } = ask(objects, {
      url: 'https://secure.test/',
      headers: ['Host: shop.test:8443'],
    });
    assert.equal(request.sni, 'secure.test');
    assert.deepEqual(server?.names, ['shop.test']);
    assert.deepEqual(server?.tls?.names, ['secure.test']);
    assert.match(request.notes.join('\n'), /handshake is for secure\.test, the request for shop\.test:8443/u);
  });

  it('names what has to be true where the request does not tell', () => {
    const listed = ingress('listed', {
      rules: { 'listed.test': ['Prefix / app:80'] },
      annotations: { 'allowlist-source-range': '10.0.0.0/8', 'limit-rps': '5' },
    });
    const objects = [...shop, listed];

    const nobody = ask(objects, 'http://listed.test/');
    assert.equal(nobody.outcome.kind, 'proxied');
    assert.deepEqual(nobody.outcome.provided, [
      'the limits are not used up',
      "the client's address is one that is let in",
    ]);
    const inside = ask(objects, { url: 'http://listed.test/', client: '10.1.2.3' });
    assert.deepEqual(inside.outcome.provided, ['the limits are not used up']);
    const outside = ask(objects, { url: 'http://listed.test/', client: '192.0.2.1' });
    assert.equal(outside.outcome.kind === 'answered' ? outside.outcome.status : 0, 403);
  });

  it('does not guess whether a client is a proxy whose headers count', () => {
    const { objects, options } = withOptions({
      'use-forwarded-headers': 'true',
      'proxy-real-ip-cidr': '10.0.0.0/8',
      'force-ssl-redirect': 'true',
    });
    const headers = ['X-Forwarded-Proto: https'];
    const unknown = ask([...shop, ...objects], { url: 'http://shop.test/', headers }, options);
    assert.equal(unknown.outcome.kind === 'answered' ? unknown.outcome.status : 0, 308);
    assert.match(unknown.outcome.provided.join(), /no proxy whose X-Forwarded-Proto counts/u);

    const proxy = { url: 'http://shop.test/', headers, client: '10.0.0.1' };
    assert.equal(ask([...shop, ...objects], proxy, options).outcome.kind, 'proxied');
    const plain = { url: 'http://shop.test/', client: '192.0.2.1', headers };
    assert.deepEqual(ask([...shop, ...objects], plain, options).outcome.provided, []);
  });

  it('explains 503 of a quarantined object by its verdict', () => {
    const explanation = ask(shop, 'http://shop.test/', {
      quarantine: { 'Ingress/default/shop': 'unknown directive' },
    });
    assert.equal(explanation.outcome.kind === 'answered' ? explanation.outcome.status : 0, 503);
    assert.equal(explanation.verdict?.state, 'quarantined');
    assert.match(
      explanationText(explanation),
      /Verdict: +quarantined \(Ingress\/default\/shop\)\n.*unknown directive/u,
    );
  });

  it('sees nothing of TLS that is passed on', () => {
    const passed = ingress('passed', {
      rules: { 'passed.test': ['Prefix / app:80'] },
      annotations: { 'ssl-passthrough': 'true' },
    });
    const { outcome, server } = ask([...shop, passed], 'https://passed.test/any', {
      settings: { enableSslPassthrough: true },
    });
    assert.equal(outcome.kind, 'passed');
    assert.equal(outcome.kind === 'passed' ? outcome.targets[0]?.service : '', 'Service/default/app');
    assert.equal(server, null);
    assert.match(outcome.text, /nobody here sees the request/u);
  });

  it('tells a plain return of a snippet, and of anything else of one that it is there', () => {
    const { objects, options } = withOptions({
      'allow-snippet-annotations': 'true',
      'annotations-risk-level': 'Critical',
    });
    function snippet(text: string): Explanation {
      const own = ingress('own', {
        rules: { 'own.test': ['Prefix / app:80'] },
        annotations: { 'configuration-snippet': text },
      });
      return ask([...shop, ...objects, own], 'http://own.test/', options);
    }
    const closed = snippet('return 403;');
    assert.equal(closed.outcome.kind === 'answered' ? closed.outcome.status : 0, 403);
    const unsure = snippet('if ($http_x) { return 403; }');
    assert.equal(unsure.outcome.kind, 'proxied');
    assert.match(unsure.outcome.provided.join(), /configuration-snippet lets the request go on \(if\)/u);
    assert.deepEqual(snippet('proxy_read_timeout 5s;').outcome.provided, []);
  });

  it("does not claim to know what a user's plugin prints", () => {
    const plugins = builtinPlugins();
    plugins.register(
      definePlugin({ name: 'mine', order: 500, annotations: {}, routes: () => ({ location: {} }) }),
    );
    const { outcome, steps } = ask(shop, 'http://shop.test/', { plugins });
    assert.match(outcome.provided.join(), /the plugin mine let the request go on/u);
    assert.equal(steps.find(({ kind }) => kind === 'plugin')?.state, 'depends');
  });

  it('shows no secret, of objects or of the request', () => {
    const hash = createHash('sha1').update('pa55word').digest('base64');
    const objects = [
      ...shop,
      secret('users', { auth: `ann:{SHA}${hash}` }),
      ingress('basic', {
        rules: { 'basic.test': ['Prefix / app:80'] },
        annotations: { 'auth-type': 'basic', 'auth-secret': 'users' },
      }),
    ];
    const authorization = `Authorization: Basic ${Buffer.from('ann:pa55word').toString('base64')}`;
    const explanation = ask(objects, {
      url: 'http://basic.test/',
      headers: [authorization, 'Cookie: s=pa55word'],
    });
    assert.match(explanation.outcome.provided.join(), /the password is right/u);
    const all = JSON.stringify(explanation) + explanationText(explanation);
    assert.ok(!all.includes(hash));
    assert.doesNotMatch(all, /YW5uOnBh|pa55word/u);
  });

  it('prints nothing that steers a terminal', () => {
    const text = explanationText(ask(shop, 'http://shop.test/%0A%1B[31m%E2%80%AE'));
    assert.match(text, /Path: +\/\\u\{a\}\\u\{1b\}\[31m\\u\{202e\}/u);
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
  });
});
