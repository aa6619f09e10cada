import assert from 'node:assert/strict';
import { chmod, copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { isGatewayError, type ErrorCode } from '../../src/errors.ts';
import {
  capabilitiesOf,
  capabilityPresets,
  detectCapabilities,
  parseNginxV,
  probeFeatures,
  versionedFeatures,
  type VersionedFeature,
} from '../../src/nginx/capabilities.ts';
import { isAtLeast } from '../../src/nginx/version.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

/**
 * Answers to `nginx -V`: debian-12 and debian-sid as those binaries give them, angie-1.0.0 and alpine as published in
 * issues, the others made up in the form of their builds. `GOLDEN=rewrite` writes what is read from them.
 */
const fixtures = path.resolve(import.meta.dirname, '../testdata/nginx-v');
const streamPath = '/usr/lib/nginx/modules/ngx_stream_module.so';

const files = await readdir(fixtures);
for (const file of files.filter((name) => name.endsWith('.txt'))) {
  test(`reads ${file}`, async () => {
    const build = parseNginxV(await readFile(path.join(fixtures, file), 'utf8'));
    assert.ok(build);
    const { configureArguments, ...named } = build;
    const version = build.nginxVersion ?? build.productVersion;
    const capabilities = capabilitiesOf(version, configureArguments, [streamPath]);
    const read = { ...named, configureArguments: configureArguments.length, capabilities };
    const golden = path.join(fixtures, file.replace('.txt', '.json'));
    if (process.env['GOLDEN'] === 'rewrite') {
      await writeFile(golden, `${JSON.stringify(read, null, 2)}\n`);
    }
    assert.deepEqual(read, JSON.parse(await readFile(golden, 'utf8')));
  });
}

test('no golden file has lost its answer', () => {
  const stale = files.filter(
    (name) => name.endsWith('.json') && !files.includes(name.replace('.json', '.txt')),
  );
  assert.deepEqual(stale, []);
});

describe('what is no answer is refused', () => {
  const garbage: Readonly<Record<string, string>> = {
    empty: '',
    'a shell': 'sh: 1: nginx: not found\n',
    html: '<html><body>nginx version: nginx/1.22.1</body></html>',
    'an error': 'nginx: [emerg] unknown directive "version" in /etc/nginx/nginx.conf:1\n',
    'a version elsewhere': `# ${'x'.repeat(70_000)}\nnginx version: nginx/1.22.1\n`,
  };
  for (const [name, text] of Object.entries(garbage)) {
    test(name, () => {
      assert.equal(parseNginxV(text), null);
    });
  }

  test('an answer without arguments gives an nginx that can do little', () => {
    const build = parseNginxV('nginx version: nginx/1.30.6\n');
    assert.deepEqual(build?.configureArguments, []);
    const capabilities = capabilitiesOf('1.30.6', [], []);
    assert.deepEqual(
      [
        capabilities.ssl,
        capabilities.http2,
        capabilities.grpc,
        capabilities.stream,
        capabilities.sslRejectHandshake,
      ],
      [false, false, false, 'absent', false],
    );
  });
});

test('arguments are split as a shell would, quotes taken off', () => {
  const line = `configure arguments: --a='x y' --b="it's" --c=plain --d 'e f' --g='h'i`;
  assert.deepEqual(parseNginxV(`nginx version: nginx/1.22.1\n${line}\n`)?.configureArguments, [
    '--a=x y',
    "--b=it's",
    '--c=plain',
    '--d',
    'e f',
    '--g=hi',
  ]);
});

test('the presets differ where their versions do', () => {
  assert.deepEqual(capabilityPresets['1.22'].stream, { modulePath: streamPath });
  assert.equal(capabilityPresets['1.22'].http2Directive, false);
  assert.equal(capabilityPresets['1.26'].http2Directive, true);
  assert.equal(capabilityPresets['1.26'].upstreamResolve, false);
  assert.equal(capabilityPresets['1.30'].upstreamResolve, true);
  assert.equal(capabilityPresets['1.30'].stickyCookie, true);
});

test('what a probe found wins over the version', () => {
  const capabilities = capabilitiesOf('1.25.5', [], [], { probed: { upstreamResolve: true }, ipv6: false });
  assert.equal(capabilities.upstreamResolve, true);
  assert.equal(capabilities.ipv6, false);
});

test('a binary without an answer yet is asked again, in a folder that its group may use', async (t) => {
  const folder = await temporaryDirectory(t);
  const seen = path.join(folder, 'seen');
  const binary = path.join(folder, 'nginx');
  // Its third answer is the first one, and of its folder it says who may do what there.
  await writeFile(
    binary,
    `#!/bin/sh
echo >>${seen}
if [ "$(wc -l <${seen})" -lt 3 ]; then echo "no agent yet" >&2; exit 75; fi
if [ "$1" = -V ]; then echo "nginx version: nginx/1.22.1" >&2; exit 0; fi
stat -c %a "$3" >>${folder}/modes
`,
    { mode: 0o755 },
  );
  await assert.rejects(detectCapabilities({ binary }), /exited with 75, saying no agent yet/u);
  const found = await detectCapabilities({ binary, workDir: folder, patienceMs: 600_000 });
  assert.equal(found.version, '1.22.1');
  assert.match(await readFile(path.join(folder, 'modes'), 'utf8'), /^(?:2770\n)+$/u);
  assert.deepEqual((await readdir(folder)).sort(), ['modes', 'nginx', 'seen'], 'nothing is left behind');
});

for (const { label, path: binary, version } of nginxBinaries()) {
  describe(`nginx (${label})`, () => {
    test('the probes agree with the version', async () => {
      const probed = await probeFeatures({ binary });
      const features = Object.keys(versionedFeatures) as VersionedFeature[];
      const expected = features.map((feature) => [feature, isAtLeast(version, versionedFeatures[feature])]);
      assert.deepEqual(probed, Object.fromEntries(expected));
    });

    test('its capabilities are found, and the module and types are its own', async () => {
      const found = await detectCapabilities({ binary });
      assert.equal(found.version, version);
      assert.ok(found.ssl && found.http2 && found.realip && found.stubStatus);
      assert.ok(found.mimeTypesPath?.endsWith('/mime.types'));
      assert.notEqual(found.stream, 'absent');
      if (typeof found.stream === 'object') {
        await readFile(found.stream.modulePath);
      }
    });
  });
}

test('a module of another nginx is not taken', async (t) => {
  const folder = await temporaryDirectory(t);
  const binaries = nginxBinaries();
  const modules = await Promise.all(
    binaries.map(async ({ path: binary }) => await detectCapabilities({ binary })),
  );
  const [own, other] = modules.map(({ stream }) => (typeof stream === 'object' ? stream.modulePath : null));
  if (!own || !other) {
    t.skip('takes two nginx with a stream module each');
    return;
  }
  // An nginx whose modules folder holds a module that was built for another.
  await copyFile(other, path.join(folder, 'ngx_stream_module.so'));
  const wrapper = path.join(folder, 'nginx');
  await writeFile(
    wrapper,
    `#!/bin/sh\nif [ "$1" = -V ]; then\n  echo "nginx version: nginx/${modules[0]?.version}"\n` +
      `  echo "configure arguments: --with-stream=dynamic --modules-path=${folder}"\n  exit 0\nfi >&2\n` +
      `exec ${binaries[0]?.path} "$@"\n`,
  );
  await chmod(wrapper, 0o755);
  const found = await detectCapabilities({ binary: wrapper });
  assert.ok(
    found.stream === 'absent' || (typeof found.stream === 'object' && found.stream.modulePath === own),
  );
});

describe('a binary that is none', () => {
  async function fails(
    code: ErrorCode,
    options: Parameters<typeof detectCapabilities>[0],
    message: RegExp,
  ): Promise<void> {
    await assert.rejects(detectCapabilities(options), (error) => {
      assert.ok(isGatewayError(error, code), String(error));
      assert.match(error.message, message);
      return true;
    });
  }

  async function script(t: Parameters<typeof temporaryDirectory>[0], body: string): Promise<string> {
    const file = path.join(await temporaryDirectory(t), 'nginx');
    await writeFile(file, `#!/bin/sh\n${body}\n`);
    await chmod(file, 0o755);
    return file;
  }

  test('missing', async () => {
    await fails('CNG_NGINX_NOT_FOUND', { binary: '/nonexistent/nginx' }, /\/nonexistent\/nginx/);
  });

  test('not executable', async (t) => {
    const binary = await script(t, 'exit 0');
    await chmod(binary, 0o644);
    await fails('CNG_NGINX_NOT_RUNNABLE', { binary }, /cannot be run/);
  });

  test('saying something else', async (t) => {
    await fails('CNG_NGINX_NOT_RUNNABLE', { binary: await script(t, 'echo hello') }, /hello/);
  });

  test('failing', async (t) => {
    await fails(
      'CNG_NGINX_NOT_RUNNABLE',
      { binary: await script(t, 'echo no lib >&2; exit 127') },
      /127.*no lib/,
    );
  });

  test('never answering', async (t) => {
    const binary = await script(t, 'exec sleep 60');
    await fails('CNG_NGINX_NOT_RUNNABLE', { binary, timeoutMs: 200 }, /0\.2 seconds/);
  });

  test('talking without end', async (t) => {
    const binary = await script(t, 'exec yes');
    await fails('CNG_NGINX_NOT_RUNNABLE', { binary, timeoutMs: 300 }, /0\.3 seconds/);
  });

  test('too old', async (t) => {
    const binary = await script(t, 'echo nginx version: nginx/1.14.2 >&2');
    await fails('CNG_NGINX_TOO_OLD', { binary }, /1\.14\.2.*1\.18\.0/);
  });

  test('a fork without the features of its number is asked what it can do', async (t) => {
    const [first] = nginxBinaries();
    assert.ok(first);
    const binary = await script(
      t,
      `if [ "$1" = -V ]; then echo "Angie version: Angie/9.9.9" >&2; exit 0; fi; exec ${first.path} "$@"`,
    );
    const found = await detectCapabilities({ binary });
    assert.equal(found.version, '9.9.9');
    assert.equal(found.keepaliveMinTimeout, isAtLeast(first.version, versionedFeatures.keepaliveMinTimeout));
  });
});
