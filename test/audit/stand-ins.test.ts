import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readFlags } from '../../src/audit/flags.ts';
import { completeSnapshot, type CompletedSnapshot } from '../../src/audit/stand-ins.ts';
import { ingest } from '../../src/cluster/ingest.ts';
import type { ClusterObject } from '../../src/cluster/objects.ts';
import { coversHost } from '../../src/model/certificate.ts';
import { readSecretPair } from '../../src/translate/secret-pair.ts';

function objectsOf(...raw: readonly object[]): ClusterObject[] {
  return raw.map((each) => {
    const { object, findings } = ingest(each);
    assert.ok(object !== null, JSON.stringify(findings));
    return object;
  });
}

function ingress(annotations: object, service: object): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'i', namespace: 'web', annotations },
    spec: {
      ingressClassName: 'nginx',
      tls: [{ hosts: ['a.example.com'], secretName: 'cert' }],
      rules: [
        { host: 'A.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service } }] } },
      ],
    },
  };
}

function complete(
  objects: readonly ClusterObject[],
  flags: Record<string, string> = {},
): Promise<CompletedSnapshot> {
  const { config } = readFlags(new Map(Object.entries(flags)));
  return completeSnapshot(objects, config, () => true, true);
}

describe('stand-ins', () => {
  it('take the place of everything that is named and missing, in a form that serves', async () => {
    const annotations = {
      'nginx.ingress.kubernetes.io/auth-secret': 'users',
      'nginx.ingress.kubernetes.io/auth-secret-type': 'auth-map',
      'nginx.ingress.kubernetes.io/auth-url': 'https://login.auth.svc.cluster.local/check?x',
      'nginx.ingress.kubernetes.io/custom-headers': 'web/headers',
      'nginx.ingress.kubernetes.io/default-backend': 'fallback',
    };
    const completed = await complete(objectsOf(ingress(annotations, { name: 's', port: { name: 'http' } })), {
      configmap: 'ingress/options',
      'default-ssl-certificate': 'ingress/default',
    });
    const { snapshot, missing, standIns } = completed;
    assert.deepEqual([...standIns].sort(), [
      'ConfigMap/ingress/options',
      'ConfigMap/web/headers',
      'IngressClass//nginx',
      'Secret/ingress/default',
      'Secret/web/cert',
      'Secret/web/users',
      'Service/auth/login',
      'Service/web/fallback',
      'Service/web/s',
    ]);
    assert.deepEqual(missing.get(''), ['ConfigMap/ingress/options', 'Secret/ingress/default']);
    assert.ok(missing.get('Ingress/web/i')?.includes('Service/auth/login'));
    assert.deepEqual(
      snapshot.services.get('auth/login')?.ports.map(({ port }) => port),
      [443],
    );
    assert.deepEqual(
      snapshot.services.get('web/s')?.ports.map(({ name }) => name),
      ['http'],
    );
    const certificate = snapshot.secrets.get('web/cert');
    assert.ok(certificate !== undefined);
    const pair = readSecretPair(certificate);
    assert.ok(!('fault' in pair) && coversHost(pair.names, 'a.example.com'));
    assert.deepEqual(Object.keys(snapshot.secrets.get('web/users')?.data ?? {}), ['stand-in']);
  });

  it('leave alone what is there, and give it an endpoint where it has none', async () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's', namespace: 'web' },
      spec: { ports: [{ port: 80, targetPort: 8080 }] },
    };
    function slice(ready: boolean): object {
      return {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 's-1', namespace: 'web', labels: { 'kubernetes.io/service-name': 's' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready } }],
        ports: [{ port: 8080 }],
      };
    }
    const web = ingress({}, { name: 's', port: { number: 80 } });
    for (const [objects, count] of [
      [[web, service], 1],
      [[web, service, slice(false)], 2],
      [[web, service, slice(true)], 1],
    ] as const) {
      const { snapshot, standIns } = await complete(objectsOf(...objects));
      assert.ok(!standIns.has('Service/web/s'));
      const slices = snapshot.endpointSlices.get('web/s') ?? [];
      assert.equal(slices.length, count);
      assert.ok(slices.some(({ endpoints }) => endpoints.some(({ ready }) => ready)));
    }
  });
});
