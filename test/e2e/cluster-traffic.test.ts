import assert from 'node:assert/strict';
import { startBackend, type Echo } from '../support/backend.ts';
import { ingresses, inCluster, openCluster, serviceAt, sliceAt } from '../support/cluster-gateway.ts';
import { eventually, type RunningGateway } from '../support/gateway.ts';
import { ingress, tlsSecret } from '../support/objects.ts';
import { handshake, makePair } from '../support/tls.ts';

async function backendOf(gateway: RunningGateway, host: string): Promise<string> {
  const answer = await gateway.get(host);
  return answer.status === 200 ? (JSON.parse(answer.body) as Echo).backend : String(answer.status);
}

inCluster('objects of the API become traffic, and every change of them too', async (t, nginx, address) => {
  const one = await startBackend(t, 'one', undefined, { address });
  const two = await startBackend(t, 'two', undefined, { address });
  const first = await makePair({ names: ['secure.example'] });
  const second = await makePair({ names: ['secure.example'] });
  const web = { paths: [{ service: 'web' }] };
  const cluster = await openCluster(t, [
    ...serviceAt('web', one.port),
    ingress('plain', { host: 'plain.example', ...web }),
    ingress('secure', {
      host: 'secure.example',
      ...web,
      tls: [{ hosts: ['secure.example'], secretName: 'pair' }],
    }),
    tlsSecret('pair', first),
    // Of another controller, of a class that is not there, of no class.
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'other' },
      spec: { controller: 'example.com/other' },
    },
    ingress('foreign', {
      host: 'foreign.example',
      ...web,
      className: 'other',
      tls: [{ hosts: ['foreign.example'], secretName: 'not-ours' }],
    }),
    tlsSecret('not-ours', second),
    ingress('guarded', {
      host: 'guarded.example',
      ...web,
      annotations: {
        'cloud-native-gateway.io/auth-type': 'basic',
        'cloud-native-gateway.io/auth-secret': 'users',
      },
    }),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'users', namespace: 'default' },
      data: { auth: Buffer.from('user:$apr1$abcdefgh$k1R9h4sXkGqWQe6VJkV0y1\n').toString('base64') },
    },
    ingress('lost', { host: 'lost.example', ...web, className: 'absent' }),
  ]);
  const { api } = cluster;
  const gateway = await cluster.start({ nginx });
  async function shown(): Promise<string> {
    return (await handshake({ port: gateway.httpsPort, servername: 'secure.example' })).serial;
  }

  assert.equal(await backendOf(gateway, 'plain.example'), 'one');
  assert.equal(await shown(), first.serial);
  assert.equal(await backendOf(gateway, 'foreign.example'), '404');
  assert.equal(await backendOf(gateway, 'lost.example'), '404');

  assert.equal(await backendOf(gateway, 'guarded.example'), '401', 'what our own prefix names is held');
  assert.equal(api.count({ plural: 'secrets', verb: 'get', name: 'not-ours' }), 0);

  api.put(ingress('late', { host: 'late.example', ...web }));
  await eventually('a new Ingress', async () => (await backendOf(gateway, 'late.example')) === 'one');

  api.put(sliceAt('web', two.port));
  await eventually('another endpoint', async () => (await backendOf(gateway, 'plain.example')) === 'two');

  api.put(tlsSecret('pair', second));
  await eventually('the new certificate', async () => {
    return (await shown()) === second.serial;
  });

  // The class comes to be there, and so does who named it.
  api.put({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name: 'absent' },
    spec: { controller: 'cloud-native-gateway/nginx' },
  });
  await eventually('the class is served', async () => (await backendOf(gateway, 'lost.example')) === 'two');
  assert.equal(await backendOf(gateway, 'foreign.example'), '404');

  api.remove(ingresses, 'default/plain');
  await eventually('it is gone', async () => (await backendOf(gateway, 'plain.example')) === '404');
  assert.equal(await backendOf(gateway, 'late.example'), 'two');
});
