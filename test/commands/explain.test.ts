import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { Explanation } from '../../src/explain/explanation.ts';
import { startBackend } from '../support/backend.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

const main = path.resolve(import.meta.dirname, '../../src/main.ts');

async function cng(
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}

const objects = [
  ...serviceOn('shop', [3000]),
  ingress('shop', {
    host: 'shop.test',
    paths: [{ service: 'shop' }, { path: '/api', service: 'shop' }],
    annotations: { 'nginx.ingress.kubernetes.io/canary-weight': '5' },
  }),
];

describe('cng explain', { concurrency: 2 }, () => {
  it('explains by manifests, with the lines of what render prints', async (t) => {
    const folder = await temporaryDirectory(t);
    const file = path.join(folder, 'shop.json');
    await writeFile(file, objects.map((each) => JSON.stringify(each)).join('\n---\n'));

    const json = await cng('explain', 'http://shop.test/api/x', '--json', '-m', file);
    assert.equal(json.code, 0, json.err);
    const { server, location, outcome, verdict } = JSON.parse(json.out) as Explanation;
    const { out: conf } = await cng('render', '-m', file);
    const lines = conf.split('\n');
    assert.equal(lines[(server?.line ?? 0) - 1]?.trim(), 'server {');
    assert.equal(lines[(location?.line ?? 0) - 1]?.trim(), 'location /api/ {');
    assert.equal(outcome.kind, 'proxied');
    assert.equal(verdict?.state, 'served-with-difference');

    const text = await cng('explain', 'http://nobody.test/', '-m', file, '--header', 'Cookie: a=secret');
    assert.equal(text.code, 0);
    assert.match(text.out, /^Server: +the default server, nginx\.conf:\d+$/mu);
    assert.match(text.out, /^Outcome: +nginx answers 404$/mu);
    assert.doesNotMatch(text.out, /secret/u);

    await writeFile(path.join(folder, 'broken.yaml'), 'kind: [');
    const broken = await cng('explain', 'http://shop.test/', '-m', folder);
    assert.equal(broken.code, 1);
    assert.match(broken.err, /broken\.yaml/u);
    assert.match(broken.out, /proxied to Service\/default\/shop/u);
  });

  it('asks a running program', async (t) => {
    const folder = await temporaryDirectory(t);
    const tokenFile = path.join(folder, 'token');
    await writeFile(tokenFile, 'letmein\n');
    let answer: readonly [number, string] = [503, '{"error":"not ready"}'];
    const program = await startBackend(t, 'program', (_request, response) => {
      response.writeHead(answer[0], { 'content-type': 'application/json' });
      response.end(answer[1]);
    });
    const at = `http://127.0.0.1:${program.port}`;

    const early = await cng('explain', 'http://shop.test/', '--debug-url', at);
    assert.equal(early.code, 75);
    assert.match(early.err, /503, not ready \(CNG_DEBUG_NOT_ANSWERING\)/u);

    const explanation = {
      request: { method: 'POST', url: 'u', host: 'h', uri: '/', args: '', sni: null, client: null },
      listener: null,
      server: null,
      location: null,
      steps: [],
      verdict: null,
      remarks: [],
      outcome: { kind: 'unknown', text: 'nothing', provided: [] },
    };
    answer = [
      200,
      JSON.stringify({ ...explanation, request: { ...explanation.request, headers: [], notes: [] } }),
    ];
    const request = [
      '--method',
      'POST',
      '--header',
      'X-A: 1',
      '--header',
      'Host: b',
      '--client',
      '192.0.2.1',
    ];
    const told = await cng(
      'explain',
      'http://shop.test/a?b=c',
      ...request,
      '--debug-url',
      at,
      '--token-file',
      tokenFile,
    );
    assert.equal(told.code, 0, told.err);
    assert.match(told.out, /^Outcome: +nothing$/mu);
    const seen = program.seen.at(-1);
    assert.equal(seen?.headers.authorization, 'Bearer letmein');
    const query = new URL(seen?.url ?? '', at).searchParams;
    assert.deepEqual(
      [query.get('url'), query.get('method'), query.getAll('header'), query.get('client')],
      ['http://shop.test/a?b=c', 'POST', ['Host: b', 'X-A: 1'], '192.0.2.1'],
    );

    answer = [200, '{"some":"other server"}'];
    const other = await cng('explain', 'http://shop.test/', '--debug-url', at);
    assert.equal(other.code, 75);
    assert.match(other.err, /200, no explanation/u);
  });

  it('refuses what is no question, as wrong use', async () => {
    for (const args of [
      ['shop.test', '-m', 'x'],
      ['http://shop.test/'],
      ['http://shop.test/', '-m', 'x', '--debug-url', 'http://127.0.0.1:1'],
      ['http://shop.test/', '--debug-url', 'nowhere'],
    ]) {
      const { code, out, err } = await cng('explain', ...args);
      assert.equal(code, 2, args.join(' '));
      assert.equal(out, '');
      assert.match(err, /CNG_USAGE/u);
    }
  });
});
