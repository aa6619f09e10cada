import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { nginxBinaries } from '../support/nginx-binaries.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Nothing that could fetch: no npm, no apt-get. */
const TOOLS = [
  'sh',
  'dirname',
  'sort',
  'head',
  'uname',
  'sed',
  'grep',
  'tr',
  'mkdir',
  'readlink',
  'awk',
  'cut',
  'rm',
];

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'setup-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A folder with the plain tools and these programs, to be the whole PATH. */
function pathWith(t: TestContext, programs: Record<string, string>): string {
  const folder = temporaryFolder(t);
  for (const tool of TOOLS) {
    const found = ['/usr/bin', '/bin'].map((place) => join(place, tool)).find((file) => existsSync(file));
    assert.ok(found, `${tool} is on this machine`);
    symlinkSync(found, join(folder, tool));
  }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

function run(
  script: string,
  path: string,
  ...args: string[]
): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(join(ROOT, 'scripts', script), args, {
    encoding: 'utf8',
    cwd: '/',
    env: { PATH: path },
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}

describe('setup-node.sh', () => {
  it('takes the node on PATH when it is new enough', (t) => {
    const path = pathWith(t, { node: '#!/bin/sh\necho v24.11.0\n' });
    assert.deepEqual(run('setup-node.sh', path), { code: 0, stdout: `${path}\n`, stderr: '' });
  });

  it('takes the one it fetched before in the place of an older one, without npm', (t) => {
    const path = pathWith(t, { node: '#!/bin/sh\necho v20.20.2\n' });
    const { code, stdout, stderr } = run('setup-node.sh', path);
    if (existsSync(join(ROOT, '.cache/node'))) {
      assert.equal(code, 0);
      assert.match(stdout, /\/\.cache\/node\/node_modules\/node-linux-[a-z0-9]+\/bin\n$/);
      const version = spawnSync(join(stdout.trim(), 'node'), ['--version'], { encoding: 'utf8' }).stdout;
      assert.match(version, /^v2[4-9]\./);
    } else {
      assert.equal(code, 1);
      assert.match(stderr, /older than 24\.11\.0 and there is no npm/);
    }
  });

  it('pins what it fetches by hash and names no registry', () => {
    const pinned = readFileSync(join(ROOT, '.node-version'), 'utf8').trim();
    for (const platform of ['linux-x64', 'linux-arm64']) {
      const lock = readFileSync(join(ROOT, 'scripts/node', platform, 'package-lock.json'), 'utf8');
      assert.doesNotMatch(lock, /resolved|https?:/);
      const { packages } = JSON.parse(lock) as {
        packages: Record<string, { version?: string; integrity?: string }>;
      };
      const entry = packages[`node_modules/node-${platform}`];
      assert.equal(entry?.version, pinned);
      assert.match(entry?.integrity ?? '', /^sha512-/);
    }
  });
});

describe('setup-nginx.sh', () => {
  it('needs no network for what is there, and prints it', (t) => {
    const system = nginxBinaries()[0]?.path ?? '';
    const path = pathWith(t, { nginx: `#!/bin/sh\nexec ${system} "$@"\n` });
    const { code, stdout, stderr } = run('setup-nginx.sh', path);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    assert.equal(stdout.split('\n')[0], join(path, 'nginx'));
  });

  it('takes an nginx on PATH that is current for both', (t) => {
    // Only its version is asked for here, and there is no telling what nginx this machine has on PATH.
    const path = pathWith(t, {
      nginx:
        '#!/bin/sh\necho "nginx version: nginx/1.31.0" >&2\necho "configure arguments: --with-stream" >&2\n',
    });
    const nginx = join(path, 'nginx');
    assert.deepEqual(run('setup-nginx.sh', path), { code: 0, stdout: `${nginx}\n${nginx}\n`, stderr: '' });
  });
});

describe('the unpacked nginx', () => {
  const current = nginxBinaries().find(({ path }) => path.includes('/.cache/'));

  it(
    'runs through a link and names the folders that are its own',
    { skip: !current && 'none unpacked' },
    (t) => {
      assert.ok(current);
      const link = join(temporaryFolder(t), 'nginx');
      symlinkSync(current.path, link);
      const { stderr, status } = spawnSync(link, ['-V'], { encoding: 'utf8', cwd: '/' });
      assert.equal(status, 0);
      const modules = /--modules-path=(\S+)/.exec(stderr)?.[1] ?? '';
      const config = /--conf-path=(\S+)/.exec(stderr)?.[1] ?? '';
      assert.ok(existsSync(join(modules, 'ngx_stream_module.so')), `stream module in ${modules}`);
      assert.ok(existsSync(join(dirname(config), 'mime.types')), `mime.types beside ${config}`);
    },
  );

  it('loads its own dynamic modules and mime.types', { skip: !current && 'none unpacked' }, (t) => {
    assert.ok(current);
    const folder = temporaryFolder(t);
    const said = spawnSync(current.path, ['-V'], { encoding: 'utf8' }).stderr;
    const modules = /--modules-path=(\S+)/.exec(said)?.[1];
    const types = join(dirname(/--conf-path=(\S+)/.exec(said)?.[1] ?? ''), 'mime.types');
    const config = join(folder, 'nginx.conf');
    writeFileSync(
      config,
      `load_module ${modules}/ngx_stream_module.so; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
      events {} http { include ${types}; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b;
      fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e; access_log off; }
      stream { server { listen unix:${folder}/s.sock; proxy_pass unix:${folder}/t.sock; } }`,
    );
    const tested = spawnSync(current.path, ['-t', '-e', 'stderr', '-p', folder, '-c', config], {
      encoding: 'utf8',
    });
    assert.match(tested.stderr, /test is successful/);
    assert.equal(tested.status, 0);
    // A refusal's exit code comes through the wrapper too, with and without -V.
    assert.equal(spawnSync(current.path, ['-t', '-c', join(folder, 'none')]).status, 1);
  });
});

describe('nginxBinaries', () => {
  it('takes the binaries named in the environment, and names one that does not run', () => {
    const [first] = nginxBinaries();
    assert.ok(first);
    const named = nginxBinaries({ TEST_NGINX_BINARIES: first.path });
    assert.deepEqual(named, [{ label: first.version, path: first.path, version: first.version }]);
    assert.throws(() => nginxBinaries({ TEST_NGINX_BINARIES: `${first.path}:/nowhere/nginx` }), {
      message: /TEST_NGINX_BINARIES names \/nowhere\/nginx, which does not run.*CNG_ALLOW_MISSING_NGINX=1/,
    });
    const allowed = { TEST_NGINX_BINARIES: '/nowhere/nginx', CNG_ALLOW_MISSING_NGINX: '1' };
    assert.deepEqual(nginxBinaries(allowed), []);
  });
});
