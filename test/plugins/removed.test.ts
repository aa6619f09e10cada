import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { annotated } from '../support/annotated.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve } from '../support/served.ts';

for (const binary of nginxBinaries()) {
  describe(`annotations that ingress-nginx has removed, on nginx ${binary.version}`, () => {
    it('change nothing, and are told where they ask for something', async (t) => {
      const backend = await startBackend(t, 'app');
      const served = await serve(t, binary, [
        ...serviceOn('app', [backend.port]),
        annotated('asks', { 'enable-influxdb': 'true', 'influxdb-port': '8089' }),
        annotated('nothing', { 'enable-influxdb': 'false', 'http2-push-preload': 'F' }),
      ]);

      assert.equal((await served.request({ host: 'asks.example.com' })).status, 200);
      assert.equal((await served.request({ host: 'nothing.example.com' })).status, 200);
      const { state, reasons } = served.ingress('asks');
      assert.equal(state, 'served-with-difference');
      assert.equal(reasons.length, 2);
      for (const reason of reasons) {
        assert.match(reason, /"\]: has no effect: ingress-nginx has removed [a-z-]+, too; remove it$/u);
      }
      assert.deepEqual(served.ingress('nothing'), { state: 'served', reasons: [] });
    });
  });
}
