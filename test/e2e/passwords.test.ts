import assert from 'node:assert/strict';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { applied, onEveryNginx, startGateway } from '../support/gateway.ts';
import { serviceOn } from '../support/objects.ts';

function users(auth: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'users', namespace: 'default' },
    stringData: { auth },
  };
}

onEveryNginx('workers read password files, and follow their Secret', async (t, nginx) => {
  const app = await startBackend(t, 'app');
  const auth = await startBackend(t, 'auth');
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'app.json': [
        annotated('basic', { 'auth-type': 'basic', 'auth-secret': 'users' }),
        annotated('asked', { 'auth-url': 'http://auth.default.svc/', 'auth-cache-key': '$http_x_key' }),
        ...serviceOn('app', [app.port]),
        ...serviceOn('auth', [auth.port]),
      ],
      'users.json': users('ann:{PLAIN}one'),
    },
  });
  async function ask(password: string): Promise<number> {
    const authorization = `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`;
    return (await gateway.get('basic.example.com', '/', { authorization })).status;
  }

  assert.deepEqual([await ask('one'), await ask('two')], [200, 401]);

  await applied(gateway, async () => {
    await gateway.write('users.json', users('ann:{PLAIN}two'));
  });
  assert.deepEqual([await ask('one'), await ask('two')], [401, 200]);

  // Answers are shared by all workers.
  for (let index = 0; index < 8; index += 1) {
    assert.equal((await gateway.get('asked.example.com', '/', { 'x-key': 'k' })).status, 200);
  }
  assert.equal(auth.seen.length, 1);

  await applied(gateway, async () => {
    await gateway.remove('users.json');
  });
  assert.deepEqual([await ask('one'), await ask('two')], [503, 503]);
});
