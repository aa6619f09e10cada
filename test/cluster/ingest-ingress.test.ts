import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingest } from '../../src/cluster/ingest.ts';
import type { Ingress } from '../../src/cluster/objects.ts';
import { accepted, rawIngress, type RawObject } from './fixtures.ts';

const closed = { service: null, resource: null };

function withSpec(spec: unknown): RawObject {
  return rawIngress((ingress) => {
    ingress['spec'] = spec;
  });
}

function withPath(path: unknown): RawObject {
  return withSpec({ rules: [{ host: 'a.example', http: { paths: [path] } }] });
}

const backend = { service: { name: 's', port: { number: 80 } } };

/** The paths that are left, and the fields complained about. */
function paths(path: unknown): { kept: unknown; fields: string[] } {
  const { object, findings } = ingest(withPath(path));
  assert.ok(findings.every(({ state }) => state === 'served-with-difference'));
  return {
    kept: (object as Ingress).rules[0]?.paths,
    fields: findings.map(({ reason }) => reason.field),
  };
}

function refused(spec: unknown, field: string): void {
  const { object, findings } = ingest(withSpec(spec), { strict: true });
  assert.equal(object, null, field);
  assert.ok(
    findings.some(({ state, reason }) => state === 'rejected' && reason.field === field),
    `${field} in ${JSON.stringify(findings)}`,
  );
}

test('a sound Ingress in full', () => {
  const ingress = accepted(rawIngress()) as Ingress;
  assert.equal(ingress.className, 'nginx');
  assert.deepEqual(ingress.defaultBackend, {
    service: { name: 'fallback', port: { name: null, number: 80 } },
    resource: null,
  });
  assert.deepEqual(ingress.rules, [
    {
      host: 'shop.example.com',
      paths: [
        {
          path: '/',
          pathType: 'Prefix',
          backend: { service: { name: 'shop', port: { name: null, number: 80 } }, resource: null },
        },
        {
          path: '/pay',
          pathType: 'Exact',
          backend: { service: { name: 'pay', port: { name: 'http', number: null } }, resource: null },
        },
      ],
    },
  ]);
  assert.deepEqual(ingress.tls, [{ hosts: ['shop.example.com'], secretName: 'shop-tls' }]);
});

test('absent and empty parts', () => {
  const ingress = accepted(
    withSpec({ rules: [{ host: 'a.example' }, { http: { paths: [{ backend }] } }], tls: [{}] }),
  ) as Ingress;
  assert.equal(ingress.className, null);
  assert.equal(ingress.defaultBackend, null);
  assert.deepEqual(ingress.rules[0], { host: 'a.example', paths: null });
  assert.equal(ingress.rules[1]?.host, '');
  assert.equal(ingress.rules[1]?.paths?.[0]?.path, '');
  assert.equal(ingress.rules[1]?.paths?.[0]?.pathType, null);
  assert.deepEqual(ingress.tls, [{ hosts: [], secretName: '' }]);
});

test('a wrong backend closes its path and keeps it', () => {
  const number = 'spec.rules[0].http.paths[0].backend.service.port.number';
  for (const [value, field] of [
    [{ service: { name: 's', port: { number: '80' } } }, number],
    [{ service: { name: 's', port: { number: 70_000 } } }, number],
    [{ service: { name: 's', port: { number: 1.5 } } }, number],
    [{ service: { name: 's', port: 80 } }, 'spec.rules[0].http.paths[0].backend.service.port'],
    [
      { service: { name: 's', port: { number: 80, name: 'x' } } },
      'spec.rules[0].http.paths[0].backend.service.port',
    ],
    [{ service: { port: { number: 80 } } }, 'spec.rules[0].http.paths[0].backend.service.name'],
    [{ service: 'x' }, 'spec.rules[0].http.paths[0].backend.service'],
    [{ resource: { kind: 5 } }, 'spec.rules[0].http.paths[0].backend.resource.kind'],
    [{ serviceName: 's', servicePort: 80 }, 'spec.rules[0].http.paths[0].backend.serviceName'],
    [undefined, 'spec.rules[0].http.paths[0].backend'],
    ['s', 'spec.rules[0].http.paths[0].backend'],
  ] as const) {
    assert.deepEqual(paths({ path: '/a', pathType: 'Exact', backend: value }), {
      kept: [{ path: '/a', pathType: 'Exact', backend: closed }],
      fields: [field],
    });
  }
});

test('a wrong path type closes the path, a wrong path text leaves it out', () => {
  assert.deepEqual(paths({ path: '/a', pathType: 5, backend }), {
    kept: [{ path: '/a', pathType: null, backend: closed }],
    fields: ['spec.rules[0].http.paths[0].pathType'],
  });
  assert.deepEqual(paths({ path: 5, backend }), { kept: [], fields: ['spec.rules[0].http.paths[0].path'] });
  assert.deepEqual(paths('/a'), { kept: [], fields: ['spec.rules[0].http.paths[0]'] });
});

test('a wrong host never becomes every host, wrong paths never the default backend', () => {
  const { object, findings } = ingest(
    withSpec({ rules: [{ host: 5, http: { paths: [] } }, { host: 'b.example', http: 'x' }, null, 'c'] }),
  );
  assert.deepEqual((object as Ingress).rules, []);
  assert.deepEqual(
    findings.map(({ reason }) => reason.field),
    ['spec.rules[0].host', 'spec.rules[1].http', 'spec.rules[2]', 'spec.rules[3]'],
  );
});

test('what decides over the whole Ingress refuses it', () => {
  refused(undefined, 'spec');
  refused('x', 'spec');
  refused({ ingressClassName: 5 }, 'spec.ingressClassName');
  refused({ rules: {} }, 'spec.rules');
  refused({ rules: [{ host: 'a', http: { paths: {} } }] }, 'spec.rules[0].http.paths');
  refused({ tls: 'x' }, 'spec.tls');
  refused({ tls: [null] }, 'spec.tls[0]');
  refused({ tls: [{ hosts: 'a.example' }] }, 'spec.tls[0].hosts');
  refused({ tls: [{ hosts: ['a.example', 5] }] }, 'spec.tls[0].hosts[1]');
  refused({ tls: [{ secretName: 5 }] }, 'spec.tls[0].secretName');
  refused({ backend: { serviceName: 's' } }, 'spec.backend');
});

test('misspelled fields are refused where people write the objects', () => {
  refused({ ingresClassName: 'other' }, 'spec.ingresClassName');
  refused(
    { rules: [{ http: { paths: [{ path: '/', pathtype: 'Exact', backend }] } }] },
    'spec.rules[0].http.paths[0].pathtype',
  );
  const misplaced = rawIngress((ingress) => {
    ingress['annotations'] = { auth: 'on' };
  });
  assert.equal(ingest(misplaced, { strict: true }).object, null);
  assert.notEqual(ingest(misplaced).object, null, 'an API server may know fields that we do not');
});

test('list sizes are bounded', () => {
  refused({ rules: Array.from({ length: 2001 }, () => ({ host: 'a' })) }, 'spec.rules');
  const many = Array.from({ length: 2001 }, () => ({ path: '/', backend }));
  refused({ rules: [{ http: { paths: many } }] }, 'spec.rules[0].http.paths');
});

test('strings are passed on as they are', () => {
  const hostile = 'a.example;\n}\u0000 server { $host';
  const ingress = accepted(withSpec({ rules: [{ host: hostile }] })) as Ingress;
  assert.equal(ingress.rules[0]?.host, hostile);
});
