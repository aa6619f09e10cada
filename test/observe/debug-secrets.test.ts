import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findInstallation } from '../../src/installation.ts';
import { SecretValue } from '../../src/model/secret-value.ts';
import { createDebugApp } from '../../src/observe/debug.ts';
import { createHealthApp } from '../../src/observe/health.ts';
import { redactText } from '../../src/model/redact.ts';
import { jsonPieces } from '../../src/observe/debug-redact.ts';
import { emptyModel, generation, sampleFailure, sampleView } from './sample-view.ts';

const planted = 'cGxhbnRlZHNlY3JldA';
const header = '-----BEGIN RSA PRIVATE KEY-----';
const pem = `${header}\n${planted}\nMIIE/+=\n-----END RSA PRIVATE KEY-----`;
const encoded = Buffer.from(pem).toString('base64');

test('no page shows a secret that was planted in every place that a page is made from', async () => {
  const message = `cannot load ${JSON.stringify(pem)} from https://user:${planted}@auth.example/x; ${encoded}`;
  const view = sampleView({
    configText: (number) =>
      number === 2
        ? `# ${pem}\n# ${encoded}\n`
        : `events {}\n# ${encoded}\n${pem}\nproxy_pass https://u:${planted}@b;\nhttp {}\n`,
    failed: () => ({ ...sampleFailure, message, text: `a\n${pem}\nb\n` }),
    generations: () => [generation(3, { message })],
    readiness: () => ({ ready: false, reason: 'a file is missing' }),
    model: () => ({
      password: new SecretValue(planted),
      files: new Map([['a', { path: 'a', content: `x ${planted}`, secret: true }]]),
      list: [{ deep: { deeper: [{ content: planted, secret: true }, Buffer.from(planted)] } }],
      key: Buffer.from(planted),
      top: { content: planted, secret: true },
      ...emptyModel,
      objects: [{ kind: 'Secret', data: { 'tls.key': planted }, stringData: { a: planted } }],
      secret: { kind: 'Secret', data: planted },
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': planted },
      text: message,
    }),
    object: () => ({
      kind: 'Secret',
      data: { 'tls.key': planted },
      metadata: { annotations: { note: message } },
    }),
    endpoints: () => [],
    verdicts: () => [
      {
        kind: 'Secret',
        namespace: 'default',
        name: 'tls',
        state: 'rejected',
        reasons: [{ field: 'data[tls.key]', message }],
      },
    ],
  });
  const reported: string[] = [];
  const options = { version: '1', templatesFolder: findInstallation().templates, allowedHosts: [] };
  const app = createDebugApp(view, options, (error) => reported.push(error.message));
  for (const path of [
    '/debug/',
    '/debug/config',
    '/debug/config?generation=3',
    '/debug/config?lines=1-100',
    '/debug/config?object=Ingress/default/shop',
    '/debug/config?object=Secret/default/none',
    '/debug/config/failed',
    '/debug/model',
    '/debug/objects',
    '/debug/generations',
    '/debug/config?q=proxy',
    '/debug/diff?from=2&to=3',
    '/debug/object?object=Secret/default/tls',
    '/debug/routes',
    '/debug/template',
    '/debug/traffic',
  ]) {
    for (const accept of ['text/html', 'application/json']) {
      const answer = await app.request(path, { headers: { Accept: accept } });
      const text = await answer.text();
      assert.ok(text.length > 1, path);
      for (const secret of [planted, encoded.slice(0, 40), encoded.slice(-40), '112,108,97,110', 'MIIE']) {
        assert.ok(!text.includes(secret), `${path} shows ${secret}`);
      }
    }
  }
  const ready = await createHealthApp(view, (error) => reported.push(error.message)).request('/ready');
  assert.ok(!(await ready.text()).includes(planted));
  assert.deepEqual(reported, []);
});

test('redaction keeps the lines where they are and stops where a key stops', () => {
  const text = `a\n${pem}\nserver {\n}\n`;
  const safe = redactText(text);
  assert.equal(safe.split('\n').length, text.split('\n').length);
  assert.ok(safe.startsWith('a\n[redacted]\n'));
  assert.ok(safe.endsWith('\nserver {\n}\n'));
  assert.equal(redactText(`# ${header}\nserver { listen 80; }\n`).includes('{ listen 80; }'), true);
  assert.equal(
    redactText('proxy_pass http://$host:$server_port/@x;'),
    'proxy_pass http://$host:$server_port/@x;',
  );
  const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  assert.equal(redactText(certificate), certificate);
});

test('JSON in pieces is the JSON of the whole', () => {
  for (const value of [
    null,
    [],
    {},
    'text',
    [1, null, [2, { a: [] }], 'ü'],
    { a: { b: { c: [1, { d: 2 }] } }, 'k"': 'v"\n', none: null },
  ]) {
    assert.deepEqual(JSON.parse([...jsonPieces(value)].join('')), value);
  }
  const odd = {
    gone: undefined,
    list: [undefined, () => 1],
    map: new Map([['a', new Map([['b', new Set([1n])]])]]),
    at: new Date(0),
    content: 'shown where it is no secret',
  };
  assert.deepEqual(JSON.parse([...jsonPieces(odd)].join('')), {
    list: [null, null],
    map: { a: { b: ['1'] } },
    at: '1970-01-01T00:00:00.000Z',
    content: 'shown where it is no secret',
  });
});
