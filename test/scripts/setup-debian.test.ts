import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { temporaryDirectory } from '../support/temp-dir.ts';

const scripts = join(import.meta.dirname, '../../scripts');
const tools = ['sh', 'dirname', 'mkdir', 'mktemp', 'rm', 'mv', 'cat', 'chmod', 'touch'];

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Place {
  readonly folder: string;
  readonly bin: string;
  readonly run: () => Outcome;
}

/** The script in a repository of its own, with the plain tools and these programs as the whole PATH. */
async function place(t: TestContext, script: string, programs: Record<string, string>): Promise<Place> {
  const folder = await temporaryDirectory(t);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  mkdirSync(join(folder, 'scripts'));
  copyFileSync(join(scripts, script), join(folder, 'scripts', script));
  for (const tool of tools) {
    const found = ['/usr/bin', '/bin']
      .map((directory) => join(directory, tool))
      .find((file) => existsSync(file));
    assert.ok(found, `${tool} is on this machine`);
    symlinkSync(found, join(bin, tool));
  }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return {
    folder,
    bin,
    run: () => {
      const { status, stdout, stderr } = spawnSync(join(folder, 'scripts', script), {
        encoding: 'utf8',
        env: { PATH: bin },
        timeout: 60_000,
      });
      return { code: status, stdout, stderr };
    },
  };
}

const root = 'echo 0';

/** An apt-get whose installation does this. */
function aptGet(install: string): string {
  return `BIN=\${0%/*}; case "$*" in
    *--no-install-recommends\\ chromium) ${install} ;;
    *update) touch "$BIN/updated" ;;
    esac`;
}

describe('setup-chromium.sh', () => {
  test('takes the one on PATH without a network', async (t) => {
    const { bin, run } = await place(t, 'setup-chromium.sh', { chromium: 'echo Chromium 150' });
    assert.deepEqual(run(), { code: 0, stdout: `${join(bin, 'chromium')}\n`, stderr: '' });
  });

  test('installs the package, and renews the lists only when that fails', async (t) => {
    const install = `printf '#!/bin/sh\\n' >"$BIN/chromium"; chmod 755 "$BIN/chromium"`;
    const { bin, run } = await place(t, 'setup-chromium.sh', { id: root, 'apt-get': aptGet(install) });
    assert.deepEqual(run(), {
      code: 0,
      stdout: `${join(bin, 'chromium')}\n`,
      stderr: 'setup-chromium: installing the package chromium\n',
    });
    assert.ok(!existsSync(join(bin, 'updated')));

    const stale = await place(t, 'setup-chromium.sh', {
      id: root,
      'apt-get': aptGet(`[ -e "$BIN/updated" ] || exit 100; ${install}`),
    });
    assert.equal(stale.run().code, 0);
    assert.ok(existsSync(join(stale.bin, 'updated')));
  });

  test('says why there is none and what to do', async (t) => {
    const cases: [Record<string, string>, RegExp][] = [
      [{}, /there is no chromium and no apt-get to install it with; put one on PATH/],
      [{ 'apt-get': 'exit 0', id: 'echo 1000' }, /only root can install it/],
      [
        { 'apt-get': 'echo E: no such package; exit 100', id: root },
        /no such package[^]*could not be installed/,
      ],
      [{ 'apt-get': 'exit 0', id: root, chromium: 'exit 1' }, /what its package installs does not run/],
    ];
    for (const [programs, said] of cases) {
      const { run } = await place(t, 'setup-chromium.sh', programs);
      const { code, stdout, stderr } = run();
      assert.deepEqual([code, stdout], [69, '']);
      assert.match(stderr, said);
    }
  });
});

describe('setup-prometheus.sh', () => {
  const unpack = `mkdir -p "$3/usr/bin"
    for name in prometheus promtool; do
      printf '#!/bin/sh\\n' >"$3/usr/bin/$name"; chmod 755 "$3/usr/bin/$name"
    done`;

  test('takes those on PATH without a network', async (t) => {
    const { bin, run } = await place(t, 'setup-prometheus.sh', { prometheus: '', promtool: '' });
    const stdout = `${join(bin, 'prometheus')}\n${join(bin, 'promtool')}\n`;
    assert.deepEqual(run(), { code: 0, stdout, stderr: '' });
  });

  test('unpacks the package once and installs nothing', async (t) => {
    const { folder, bin, run } = await place(t, 'setup-prometheus.sh', {
      'apt-get': `case "$*" in *download\\ prometheus) touch prometheus_2_amd64.deb ;; *) exit 100 ;; esac`,
      'dpkg-deb': unpack,
    });
    const inCache = join(folder, '.cache/prometheus/usr/bin');
    const stdout = `${join(inCache, 'prometheus')}\n${join(inCache, 'promtool')}\n`;
    assert.deepEqual(run(), {
      code: 0,
      stdout,
      stderr: 'setup-prometheus: unpacking the package prometheus into .cache/prometheus\n',
    });
    writeFileSync(join(bin, 'apt-get'), '#!/bin/sh\nexit 100\n');
    assert.deepEqual(run(), { code: 0, stdout, stderr: '' });
  });

  test('says why there is none, and leaves nothing half done', async (t) => {
    const cases: [Record<string, string>, RegExp][] = [
      [{}, /no prometheus with promtool and no apt-get to fetch it with; put them on PATH/],
      [
        { 'apt-get': 'echo E: offline; exit 100', 'dpkg-deb': unpack, id: 'echo 1000' },
        /offline[^]*could not be fetched/,
      ],
      [{ 'apt-get': 'touch a.deb', 'dpkg-deb': 'exit 2', prometheus: '' }, /could not be unpacked/],
    ];
    for (const [programs, said] of cases) {
      const { folder, run } = await place(t, 'setup-prometheus.sh', programs);
      const { code, stdout, stderr } = run();
      assert.deepEqual([code, stdout], [69, '']);
      assert.match(stderr, said);
      assert.ok(!existsSync(join(folder, '.cache/prometheus')));
    }
  });
});
