import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

for (const binary of nginxBinaries()) {
  describe(`logs on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let served: Served;

    before(async () => {
      const backend = await startBackend(suite, 'app');
      served = await serve(suite, binary, [
        annotated('loud', {}),
        annotated('silent', { 'enable-access-log': 'false' }),
        annotated('wrong', { 'enable-access-log': 'nein' }),
        annotated('rewrites', { 'enable-rewrite-log': 'true' }),
        ...serviceOn('app', [backend.port]),
      ]);
    });

    it('have every request but those of an Ingress that asks for silence', async () => {
      for (const name of ['loud', 'silent', 'wrong']) {
        await served.request({ host: `${name}.example.com`, path: `/of-${name}` });
      }
      const logPath = /access_log (\S+\/access\.log) /u.exec(served.text)?.[1] ?? '';

      const log = await readFile(path.normalize(logPath), 'utf8');

      const logged = ['loud', 'silent', 'wrong'].filter((name) => log.includes(`/of-${name} `));
      assert.deepEqual(logged, ['loud', 'wrong']);
      assert.match(served.ingress('wrong').reasons.join(), /"nein" is not a boolean/u);
    });

    it('tell of rewriting where it is asked for', () => {
      assert.equal(served.text.split('rewrite_log on;').length, 2);
    });
  });
}
