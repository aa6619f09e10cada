import assert from 'node:assert/strict';
import { once } from 'node:events';
import { onEveryNginx, startGateway } from '../support/gateway.ts';
import { endNginxWith, nginxOf } from '../support/nginx-processes.ts';

/** Loaded into the built program: what no test of a sound program can make happen. */
const planted = `data:text/javascript,${encodeURIComponent(`
  import { isMainThread } from 'node:worker_threads';
  if (isMainThread) {
    process.on('SIGUSR2', () => { Promise.reject(new Error('planted by the test')); });
  }
`)}`;

onEveryNginx(
  'a rejection that reaches nobody ends the gateway, said in the log, and nginx serves on',
  async (t, nginx) => {
    const env = { NODE_OPTIONS: `--import=${planted}` };
    const gateway = await startGateway(t, { nginx, manifests: {}, env });
    endNginxWith(t, gateway);
    const before = await nginxOf(gateway);
    const exit = once(gateway.process, 'exit');
    const closed = once(gateway.process, 'close');
    gateway.process.kill('SIGUSR2');
    const [code] = (await exit) as [number | null];
    await closed;
    assert.equal(code, 70);
    const said = gateway.log.at(-1);
    assert.equal(said?.level, 'error');
    assert.equal(said['code'], 'CNG_INTERNAL');
    assert.match(JSON.stringify(said), /planted by the test/u);
    assert.deepEqual(await nginxOf(gateway), before);
    assert.equal((await gateway.get('nobody.example')).status, 404);

    const next = await startGateway(t, { nginx, manifests: {}, after: gateway });
    assert.equal((await nginxOf(next)).master, before.master, 'the next one takes it over');
  },
);
