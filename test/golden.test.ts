import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { dump, load } from 'js-yaml';
import type { Capabilities } from '../src/model/capabilities.ts';
import { capabilityPresets, detectCapabilities } from '../src/nginx/capabilities.ts';
import { makeCertificate } from '../src/nginx/default-certificate.ts';
import { candidateLinter } from '../src/nginx/lint-candidate.ts';
import { prepareStateDirectory } from '../src/nginx/state-directory.ts';
import type { TranslateSettings } from '../src/translate/settings.ts';
import { buildGolden, settingsFor } from './support/golden.ts';
import { nginxBinaries } from './support/nginx-binaries.ts';
import { temporaryDirectory } from './support/temp-dir.ts';

/**
 * One folder for each feature: `in.yaml` and what comes of it, for an old and a current nginx. `settings.yaml`
 * changes settings. `GOLDEN=rewrite` (npm run golden) writes the output; a file that nothing writes fails.
 */
const testdata = path.join(import.meta.dirname, 'testdata');
const rewrite = process.env['GOLDEN'] === 'rewrite';
const goldenStateDir = '/var/lib/cloud-native-gateway';
/** Modules of packages, so that it can be seen what they are told. */
const packages: Pick<Capabilities, 'modules' | 'secRulesPath' | 'coreRules'> = {
  modules: {
    modsecurity: { modulePath: '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so' },
    brotli: { modulePath: '/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so' },
  },
  secRulesPath: '/etc/nginx/modsecurity/modsecurity.conf',
  coreRules: ['/etc/nginx/owasp-modsecurity-crs/nginx-modsecurity.conf'],
};
const outputs: Readonly<Record<string, Capabilities>> = {
  'out.nginx-1.22.conf': { ...capabilityPresets['1.22'], ...packages },
  'out.nginx.conf': { ...capabilityPresets['1.30'], ...packages },
};

const features = (await readdir(testdata, { withFileTypes: true }))
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('nginx-'))
  .map((entry) => entry.name)
  .sort();

async function settingsOf(feature: string): Promise<Partial<TranslateSettings>> {
  const text = await readFile(path.join(testdata, feature, 'settings.yaml'), 'utf8').catch(() => '');
  return text === '' ? {} : (load(text) as Partial<TranslateSettings>);
}

async function compare(file: string, actual: string): Promise<void> {
  if (rewrite) {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, actual);
    return;
  }
  const expected = await readFile(file, 'utf8').catch(() => '(missing: npm run golden writes it)');
  assert.equal(actual, expected, `${path.relative(testdata, file)} differs; npm run golden rewrites it`);
}

describe('golden data', () => {
  for (const feature of features) {
    describe(feature, () => {
      const folder = path.join(testdata, feature);
      const input = path.join(folder, 'in.yaml');

      for (const [output, capabilities] of Object.entries(outputs)) {
        it(`renders ${output}`, async () => {
          const settings = settingsFor(goldenStateDir, await settingsOf(feature));

          const { candidate, verdicts } = await buildGolden(input, capabilities, settings);

          await compare(path.join(folder, output), candidate.text);
          await compare(
            path.join(folder, 'out.verdicts.yaml'),
            dump(verdicts, { lineWidth: 110, noRefs: true }),
          );
          assert.deepEqual(candidateLinter(goldenStateDir, capabilities)(candidate), []);
        });
      }

      for (const nginx of nginxBinaries()) {
        it(`is accepted by nginx ${nginx.version}`, async (t) => {
          const stateDir = path.join(await temporaryDirectory(t), 'state');
          await prepareStateDirectory(stateDir);
          const capabilities = await detectCapabilities({ binary: nginx.path });
          const settings = settingsFor(stateDir, {
            httpPort: 18_080,
            httpsPort: 18_443,
            ...(await settingsOf(feature)),
          });
          const { candidate } = await buildGolden(input, capabilities, settings, await makeCertificate());
          for (const file of candidate.files) {
            await writeFile(path.join(stateDir, file.path), file.content);
          }
          const config = path.join(stateDir, 'nginx.conf');
          await writeFile(config, candidate.text);

          const args = ['-t', '-p', stateDir, '-c', config, '-e', path.join(stateDir, 'logs/test.log')];
          // nginx cannot open /dev/stdout where that is a socket, which Node's pipes are.
          const output = openSync('/dev/null', 'w');
          t.after(() => {
            closeSync(output);
          });
          execFileSync(nginx.path, args, { stdio: ['ignore', output, 'pipe'] });
        });
      }

      it('has no file that nothing writes', async () => {
        const known = ['in.yaml', 'settings.yaml', 'out.verdicts.yaml', ...Object.keys(outputs)];

        const stale = (await readdir(folder)).filter((name) => !known.includes(name));

        if (rewrite) {
          await Promise.all(stale.map((name) => rm(path.join(folder, name), { recursive: true })));
        } else {
          assert.deepEqual(stale, []);
        }
      });
    });
  }

  after(() => {
    assert.ok(features.length > 0, 'there are no golden data at all');
  });
});
