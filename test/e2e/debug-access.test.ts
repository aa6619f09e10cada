import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { openCluster, ownAddress } from '../support/cluster-gateway.ts';
import type { Fault } from '../support/fake-api-server.ts';
import { eventually } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { freePort } from '../support/ports.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

const groups = ['readers', 'system:authenticated'];
const extra = { 'example.com/team': ['edge'] };

/** Answers reviews as the API server does: with what it was sent, and a status. */
function reviews(statusOf: (spec: Record<string, unknown>) => object, seen: unknown[]): Fault {
  return (response) => {
    const chunks: Buffer[] = [];
    response.req.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.req.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { spec: Record<string, unknown> };
      seen.push(body.spec);
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ...body, status: statusOf(body.spec) }));
    });
  };
}

test(
  'debug pages beyond loopback: for whom the API server allows them, never without it',
  { skip: ownAddress === null && 'NOT RUN: this machine has no address but loopback' },
  async (t) => {
    const nginx = nginxBinaries().at(-1);
    assert.ok(nginx);
    const cluster = await openCluster(t);
    const asked: unknown[] = [];
    cluster.api.failAll(
      { plural: 'tokenreviews' },
      reviews(
        ({ token }) =>
          token === 'token-of-nobody'
            ? { authenticated: false, error: 'token lookup failed' }
            : {
                authenticated: true,
                user: { username: String(token).slice(9), uid: '7', groups, extra },
              },
        [],
      ),
    );
    cluster.api.failAll(
      { plural: 'subjectaccessreviews' },
      reviews(({ user }) => ({ allowed: user === 'ann' || user === 'eve', denied: user === 'eve' }), asked),
    );
    const port = await freePort();
    const gateway = await cluster.start({ nginx, config: { debug: { addr: `:${port}` } } });

    async function ask(token: string | null, page = '/debug/generations'): Promise<HttpAnswer> {
      const headers = token === null ? {} : { authorization: `Bearer ${token}` };
      return await http({ address: ownAddress ?? '', port, path: page, host: 'gateway.svc', headers });
    }

    assert.equal((await ask(null)).status, 401);
    const shown = await ask('token-of-ann');
    assert.equal(shown.status, 200);
    assert.ok(Array.isArray(JSON.parse(shown.body)));
    assert.deepEqual(asked, [
      {
        user: 'ann',
        uid: '7',
        groups,
        extra,
        nonResourceAttributes: { path: '/debug/', verb: 'get' },
      },
    ]);
    assert.equal((await ask('token-of-nobody')).status, 401);
    assert.equal((await ask('token-of-bob')).status, 403);
    assert.equal((await ask('token-of-eve')).status, 403, 'a denial counts more than a yes');
    const { paths } = JSON.parse((await ask('token-of-ann', '/debug/nothing')).body) as { paths: string[] };
    assert.ok(paths.length > 8);
    for (const page of [...paths, '/', '/metrics', '/debug', '/debug/objects/', '//debug/', '/DEBUG/']) {
      assert.equal((await ask(null, page)).status, 401, page);
      assert.equal((await ask('token-of-bob', page)).status, 403, page);
    }
    // As kubectl port-forward comes; and as a page of a browser that has rebound its name does.
    assert.equal((await http({ port, path: '/debug/' })).status, 200);
    assert.equal((await http({ port, path: '/debug/', host: 'rebound.example' })).status, 403);

    await cluster.api.close();
    assert.equal((await ask('token-of-cat')).status, 503);
    assert.equal((await ask('token-of-ann')).status, 200, 'what was allowed is for a minute');
    assert.equal((await http({ port, path: '/debug/' })).status, 200);
    await eventually('the trouble is logged', () =>
      gateway.log.some(({ message }) => message === 'A token for the debug pages cannot be checked'),
    );
    const log = JSON.stringify(gateway.log);
    assert.match(log, /"user":"ann","outcome":"allowed"/u);
    assert.doesNotMatch(log, /token-of-/u);
  },
);

test('debug pages beyond loopback are refused where nobody can check a token', async (t) => {
  const folder = await temporaryDirectory(t);
  const config = path.join(folder, 'gateway.yaml');
  const program = path.resolve(import.meta.dirname, '../../dist/main.js');
  const settings = {
    server: { addr: '127.0.0.1:0' },
    metrics: { addr: '127.0.0.1:0' },
    debug: { addr: '0.0.0.0:0' },
    nginx: { binary_path: nginxBinaries().at(-1)?.path ?? '', state_dir: path.join(folder, 'state') },
  };
  await writeFile(config, JSON.stringify(settings));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, 'run', '--config', config, '--manifests', folder],
    { encoding: 'utf8', timeout: 60_000, env: { PATH: process.env['PATH'] ?? '', HOME: folder } },
  );
  assert.equal(status, 78, stdout + stderr);
  assert.match(
    stdout + stderr,
    /debug\.addr 0\.0\.0\.0:0 can be reached from other machines.*\(CNG_DEBUG_EXPOSED\)\n *Set debug\.addr to a loopback address/u,
  );
});
