import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { freePort } from '../support/ports.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

const main = path.resolve(import.meta.dirname, '../../src/main.ts');

const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Conditions {
  readonly stdout?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Closes the reading end of stdout at once. */
  readonly hangUp?: boolean;
}

/** Runs the program from its sources to its end. */
async function cng(args: readonly string[], conditions: Conditions = {}): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, ...conditions.env },
    stdio: ['ignore', conditions.stdout ?? 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  if (conditions.hangUp === true) {
    child.stdout?.destroy();
  }
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}

/** Writes to a device that is always full. */
async function cngToFullDisk(args: readonly string[]): Promise<Ended> {
  const full = openSync('/dev/full', 'w');
  try {
    return await cng(args, { stdout: full });
  } finally {
    closeSync(full);
  }
}

describe('the command line', { concurrency: 2 }, () => {
  it('refuses an empty path as wrong use: it would be the current folder', async () => {
    for (const args of [
      ['check', '--manifests', ''],
      ['render', '-m', 'x', '--manifests='],
      ['check', '-m', 'x', '--config', ''],
    ]) {
      const { code, out, err } = await cng(args);
      assert.equal(code, 2, args.join(' '));
      assert.equal(out, '');
      assert.match(err, /argument '' is invalid\. It is empty: give a path/);
    }
  });

  it('fails check where an nginx was named that does not exist, and does without one that was not', async (t) => {
    const folder = await temporaryDirectory(t);
    const manifests = path.join(folder, 'web.yaml');
    await writeFile(manifests, service);
    const config = path.join(folder, 'gateway.yaml');
    await writeFile(config, `nginx: { binary_path: ${folder}/no-nginx }\n`);
    const named = await cng(['check', '-m', manifests, '-c', config]);
    assert.equal(named.code, 78);
    assert.match(named.err, /^cng: nginx binary \S+\/no-nginx was not found \(CNG_NGINX_NOT_FOUND\)$/m);
    assert.equal(named.out, '');

    const unnamed = await cng(['check', '-m', manifests], { env: { PATH: folder } });
    assert.equal(unnamed.code, 0, unnamed.err);
    assert.match(unnamed.out, /not tested: no nginx/);
  });

  it('ends render with 1 where a path or file has a problem, which it prints', async (t) => {
    const folder = await temporaryDirectory(t);
    await writeFile(path.join(folder, 'web.yaml'), service);
    await mkdir(path.join(folder, 'broken'));
    await writeFile(path.join(folder, 'broken/x.yaml'), 'kind: [Service\n');
    const good = await cng(['render', '-m', path.join(folder, 'web.yaml')]);
    assert.equal(good.code, 0, good.err);
    for (const [name, problem] of [
      ['none.yaml', /none\.yaml: does not exist/],
      ['broken', /broken\/x\.yaml:\d+:\d+: /],
    ] as const) {
      const { code, out, err } = await cng([
        'render',
        '-m',
        path.join(folder, 'web.yaml'),
        '-m',
        path.join(folder, name),
      ]);
      assert.equal(code, 1, name);
      assert.match(err, problem);
      assert.match(out, /^http \{$/m, 'the rest is rendered');
    }
  });

  it('ends quietly where nobody reads on, and with 74 where what it prints is lost', async (t) => {
    const folder = await temporaryDirectory(t);
    const manifests = path.join(folder, 'web.yaml');
    await writeFile(manifests, service);
    for (const args of [['render', '-m', manifests], ['check', '-m', manifests, '--json'], ['--help']]) {
      const unread = await cng(args, { hangUp: true });
      assert.equal(unread.code, 0, `${args[0]}: ${unread.err}`);
      assert.doesNotMatch(unread.err, /EPIPE|internal error|\n +at /);

      const lost = await cngToFullDisk(args);
      assert.equal(lost.code, 74, `${args[0]}: ${lost.err}`);
      assert.match(lost.err, /^cng: Standard output cannot be written: ENOSPC.* \(CNG_OUTPUT_FAILED\)$/m);
      assert.doesNotMatch(lost.err, /\n +at /);
    }
  });

  it('tells one error of the config once, and each of several', async (t) => {
    const folder = await temporaryDirectory(t);
    const config = path.join(folder, 'gateway.yaml');
    for (const [text, times] of [
      ['&a [*a]\n', [1, 0]],
      ['log: { level: loud }\n', [0, 1]],
      ['log: { level: loud, format: xml }\n', [0, 2]],
    ] as const) {
      await writeFile(config, text);
      const { code, err } = await cng(['check', '-m', folder, '-c', config]);
      assert.equal(code, 78, err);
      assert.deepEqual(
        [err.match(/alias stands inside/g)?.length ?? 0, err.match(/"loud"/g)?.length ?? 0],
        times,
      );
      assert.match(err, times[1] === 2 ? /has 2 errors, the first: / : /has 1 error: /);
    }
  });

  it('ends where a start fails after its ports are open', { timeout: 60_000 }, async (t) => {
    const folder = await temporaryDirectory(t);
    const config = path.join(folder, 'gateway.yaml');
    // A link to itself is found out when the live file is looked at.
    await symlink('nginx.conf', path.join(folder, 'nginx.conf'));
    await writeFile(
      config,
      `server: { addr: "127.0.0.1:${await freePort()}" }\n` +
        'metrics: { enabled: false }\ndebug: { enabled: false }\n' +
        `nginx: { state_dir: ${folder}/state, config_path: ${folder}/nginx.conf, ` +
        `http_port: ${await freePort()}, https_port: ${await freePort()} }\n`,
    );
    const { code, out, err } = await cng(['run', '-m', folder, '-c', config]);
    assert.match(out, /"Listening"/);
    assert.match(err, /too many symbolic links/);
    assert.ok(code !== null && code !== 0, `${code}`);
  });

  it('says that templates cannot be read, and nothing of previous ones', async (t) => {
    const folder = await temporaryDirectory(t);
    const config = path.join(folder, 'gateway.yaml');
    await writeFile(config, `nginx: { template_path: ${folder}/none }\n`);
    const { code, err } = await cng(['render', '-m', folder, '-c', config]);
    assert.equal(code, 78);
    assert.match(
      err,
      /Templates or plugins at \S+\/none cannot be used: ENOENT.* \(CNG_TEMPLATE_UNREADABLE\)/,
    );
    assert.doesNotMatch(err, /previous/);
  });

  it('tells on a ConfigMap of templates that it is missing, and on all else', async (t) => {
    const folder = await temporaryDirectory(t);
    const config = path.join(folder, 'gateway.yaml');
    await writeFile(config, 'kubernetes: { template_config_map: gateway/templates }\n');
    const manifests = path.join(folder, 'ingress.yaml');
    const spec = '{ingressClassName: nginx, defaultBackend: {service: {name: web, port: {number: 80}}}}';
    const ingress = `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: all}\nspec: ${spec}\n`;
    await writeFile(manifests, ingress);
    for (const command of ['check', 'render']) {
      const { code, out, err } = await cng([command, '-m', manifests, '-c', config]);

      assert.equal(code, command === 'check' ? 1 : 0, err);
      const told = command === 'check' ? out : err;
      assert.match(
        told,
        /^served-with-difference ConfigMap\/gateway\/templates\n.*is missing: the built-in/mu,
      );
      assert.match(told, /Ingress\/default\/all/u);
    }
  });

  it('says in the help of render how its text is tested', async () => {
    const { code, out } = await cng(['render', '--help']);
    assert.equal(code, 0);
    assert.match(out, /To have nginx test it, use check/);
  });
});
