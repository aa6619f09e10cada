import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SecretValue } from '../../src/model/secret-value.ts';
import { detectCapabilities } from '../../src/nginx/capabilities.ts';
import { prepareStateDirectory } from '../../src/nginx/state-directory.ts';
import { pipelineFor, settingsFor } from '../support/golden.ts';
import { http } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { freePort } from '../support/ports.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { makeCertificate } from '../translate/certificates.ts';
import { app, ingress, now, run, serverOf, snapshot, type IngressOptions } from '../translate/world.ts';

const host = 'a.example.com';
const tls = [{ hosts: [host], secretName: '' }];

function redirects(options: IngressOptions, of = host): boolean {
  const result = run([...app('a'), ingress('i', { rules: { [of]: ['Prefix / a:80'] }, ...options })]);
  const [first] = serverOf(result, of).locations;
  return first?.additions.some(({ settings }) => settings['redirects'] === true) ?? false;
}

describe('when plain HTTP is redirected', () => {
  const cases: readonly [string, IngressOptions, boolean][] = [
    ['a host with a certificate', { tls }, true],
    ['a host without', {}, false],
    ['a host that no entry of tls lists', { tls: [{ hosts: ['b.example.com'], secretName: '' }] }, true],
    [
      'a host with a certificate where it is switched off',
      { tls, annotations: { 'ssl-redirect': 'false' } },
      false,
    ],
    [
      'a host without a certificate where it is forced',
      { annotations: { 'force-ssl-redirect': 'true' } },
      true,
    ],
    [
      'a host where it is switched off and forced',
      { annotations: { 'ssl-redirect': 'false', 'force-ssl-redirect': 'T' } },
      true,
    ],
    [
      'a host with a wrong value, which counts for the default',
      { tls, annotations: { 'ssl-redirect': 'no' } },
      true,
    ],
  ];
  for (const [of, options, expected] of cases) {
    it(`is ${expected ? '' : 'not '}for ${of}`, () => {
      assert.equal(redirects(options), expected);
    });
  }

  it('is never by certificate for requests of any host, only by force', () => {
    assert.equal(redirects({ tls }, ''), false);
    assert.equal(redirects({ annotations: { 'force-ssl-redirect': 'true' } }, ''), true);
  });

  it('is never for the default backend of an Ingress without rules', () => {
    const result = run([
      ...app('a'),
      ingress('i', { defaultBackend: 'a:80', annotations: { 'force-ssl-redirect': 'true' } }),
    ]);

    assert.deepEqual(serverOf(result, '').locations[0]?.additions, []);
  });
});

for (const binary of nginxBinaries()) {
  describe(`redirects of nginx ${binary.version}`, () => {
    const hooks: (() => Promise<void> | void)[] = [];
    let port = 0;
    let httpsPort = 0;

    before(async () => {
      const folder = await temporaryDirectory({ after: (hook) => hooks.push(hook as () => Promise<void>) });
      port = await freePort();
      httpsPort = await freePort();
      const own = makeCertificate();
      const pipeline = await pipelineFor(
        await detectCapabilities({ binary: binary.path }),
        settingsFor(folder, { httpPort: port, httpsPort }),
        new SecretValue(own.pem + own.keyPem),
      );
      const forced = { 'force-ssl-redirect': 'true' };
      const { candidate } = pipeline.build(
        snapshot([
          ingress('plain', { annotations: forced, rules: { 'plain.example.com': ['Prefix / none:80'] } }),
          ingress('slash', {
            annotations: { ...forced, 'preserve-trailing-slash': 'true' },
            rules: { 'slash.example.com': ['Prefix / none:80'] },
          }),
          ingress('port', {
            annotations: { ...forced, 'use-port-in-redirects': 'true' },
            rules: { 'port.example.com': ['Prefix / none:80'] },
          }),
        ]),
        new Map(),
        now,
      );
      await prepareStateDirectory(folder);
      for (const file of candidate.files) {
        await writeFile(path.join(folder, file.path), file.content);
      }
      await writeFile(path.join(folder, 'nginx.conf'), candidate.text);
      const nginx = spawn(binary.path, [
        '-c',
        path.join(folder, 'nginx.conf'),
        '-g',
        'daemon off; master_process off;',
      ]);
      const ended = once(nginx, 'close');
      hooks.unshift(async () => {
        nginx.kill('SIGKILL');
        await ended;
      });
      await answering(port);
    });
    after(async () => {
      for (const hook of hooks) {
        await hook();
      }
    });

    const cases: readonly [string, string, string][] = [
      ['plain', '/', ''],
      ['plain', '/x/', '/x'],
      ['plain', '/x//', '/x/'],
      ['plain', '/x?a=b', '/x?a=b'],
      ['plain', '/x/?a=b', '/x/?a=b'],
      ['plain', '/x?a=/', '/x?a='],
      ['plain', '/%2F$host/%0D%0A', '/%2F$host/%0D%0A'],
      ['slash', '/', '/'],
      ['slash', '/x/', '/x/'],
      ['port', '/x/', '/x'],
    ];
    for (const [name, from, to] of cases) {
      it(`send ${name} ${from} to ${to === '' ? 'the bare host' : to}`, async () => {
        const answer = await http({ port, host: `${name}.example.com:${port}`, path: from });

        assert.equal(answer.status, 308);
        const authority = `${name}.example.com${name === 'port' ? `:${httpsPort}` : ''}`;
        assert.equal(answer.headers.location, `https://${authority}${to}`);
      });
    }

    it('leave the challenges of certificate authorities alone', async () => {
      const challenge = await http({
        port,
        host: 'plain.example.com',
        path: '/.well-known/acme-challenge/x',
      });
      const hidden = await http({
        port,
        host: 'plain.example.com',
        path: '/x/../.well-known/acme-challenge/x',
      });
      const other = await http({ port, host: 'plain.example.com', path: '/.well-knownXacme-challenge/x' });

      assert.deepEqual([challenge.status, hidden.status, other.status], [503, 503, 308]);
    });
  });
}

/** Waits, at most five seconds, until something answers on a port. */
async function answering(port: number): Promise<void> {
  const deadline = performance.now() + 5000;
  for (;;) {
    try {
      await http({ port });
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        throw error;
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
  }
}
