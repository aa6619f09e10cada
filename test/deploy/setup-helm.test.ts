import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '../support/temp-dir.ts';

const script = join(import.meta.dirname, '../../scripts/setup-helm.sh');
const tools = [
  'sh',
  'dirname',
  'sort',
  'head',
  'sed',
  'awk',
  'mkdir',
  'mktemp',
  'chmod',
  'rm',
  'mv',
  'cat',
  'cp',
];
const pinnedHash = 'h1:n1if5iQgHYsujPAcO5oonH/KiSNUmqmUF0iGVjSF3AU=';

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Place {
  readonly path: string;
  readonly cache: string;
  readonly run: () => Outcome;
}

/** The script in a repository of its own, with the plain tools and these programs as the whole PATH. */
async function place(t: TestContext, programs: Readonly<Record<string, string>>): Promise<Place> {
  const folder = await temporaryDirectory(t);
  const path = join(folder, 'bin');
  mkdirSync(path);
  mkdirSync(join(folder, 'scripts'));
  copyFileSync(script, join(folder, 'scripts/setup-helm.sh'));
  for (const tool of tools) {
    const found = ['/usr/bin', '/bin'].map((bin) => join(bin, tool)).find((file) => existsSync(file));
    assert.ok(found, `${tool} is on this machine`);
    symlinkSync(found, join(path, tool));
  }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(path, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(path, name), 0o755);
  }
  return {
    path,
    cache: join(folder, '.cache/helm'),
    run: () => {
      const { status, stdout, stderr } = spawnSync(join(folder, 'scripts/setup-helm.sh'), {
        encoding: 'utf8',
        env: { PATH: path, HOME: folder },
        timeout: 60_000,
      });
      return { code: status, stdout, stderr };
    },
  };
}

/** A go whose every build is a Helm with this hash. */
function go(hash: string): string {
  return `case $1 in
    env) echo go1.26.0 ;;
    install) echo "$@" >&2; printf '#!/bin/sh\\necho built\\n' >"$GOBIN/helm"; chmod 755 "$GOBIN/helm" ;;
    version) printf '%s/helm: go1.26.0\\n\\tpath\\tx\\n\\tmod\\thelm.sh/helm/v3\\tv3.22.0\\t${hash}\\n' "$GOBIN" ;;
  esac`;
}

test('takes the helm on PATH when it is new enough, of the next major version too', async (t) => {
  for (const version of ['v3.14.0', 'v3.22', 'v4.1.2']) {
    const { path, run } = await place(t, { helm: `echo ${version}` });
    assert.deepEqual(run(), { code: 0, stdout: `${join(path, 'helm')}\n`, stderr: '' });
  }
});

test('says that there is none, with the remedy, where there is no go either', async (t) => {
  const { run } = await place(t, { helm: 'echo v3.2.0' });
  const { code, stdout, stderr } = run();
  assert.deepEqual([code, stdout], [69, '']);
  assert.match(
    stderr,
    /no helm >= 3\.14\.0 and no go to build one with; put helm >= 3\.14\.0 or go >= 1\.21 on PATH/,
  );
});

test('says the same of a go that is too old', async (t) => {
  const { run } = await place(t, { go: 'echo go1.19.8' });
  const { code, stderr } = run();
  assert.equal(code, 69);
  assert.match(stderr, /go 1\.19\.8 is too old to build one/);
});

test('builds the pinned version once, and leaves nothing else behind', async (t) => {
  const { cache, run } = await place(t, { go: go(pinnedHash) });
  const built = join(cache, '3.22.0/helm');
  const first = run();
  assert.deepEqual([first.code, first.stdout], [0, `${built}\n`], first.stderr);
  assert.match(first.stderr, /install .* helm\.sh\/helm\/v3\/cmd\/helm@v3\.22\.0/);
  assert.deepEqual(readdirSync(cache), ['3.22.0']);
  assert.deepEqual(run(), { code: 0, stdout: `${built}\n`, stderr: '' });
});

test('does not use what has another hash', async (t) => {
  const { cache, run } = await place(t, { go: go('h1:AAAA=') });
  const { code, stdout, stderr } = run();
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /has the hash h1:AAAA= instead of h1:n1if5/);
  assert.deepEqual(readdirSync(cache), []);
});

test('says what to do when the build fails', async (t) => {
  const { cache, run } = await place(t, {
    go: 'if [ "$1" = env ]; then echo go1.26.0; else echo "proxy: no route" >&2; exit 1; fi',
  });
  const { code, stderr } = run();
  assert.equal(code, 1);
  assert.match(
    stderr,
    /proxy: no route\n.*could not build helm 3\.22\.0; its message is above\. Or put helm/,
  );
  assert.deepEqual(readdirSync(cache), []);
});
