import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingest } from '../../src/cluster/ingest.ts';
import { createStore } from '../../src/cluster/store.ts';
import type { Model } from '../../src/model/model.ts';
import { capabilityPresets } from '../../src/nginx/capabilities.ts';
import { readKey, type Route } from '../../src/traffic/line.ts';
import { goneRoutes } from '../../src/worker/gone-routes.ts';
import { goldenNow, pipelineFor, settingsFor } from '../support/golden.ts';
import { ingress, serviceOn } from '../support/objects.ts';

const prefix = 'nginx.ingress.kubernetes.io';
const onCanary = { [`${prefix}/canary`]: 'true', [`${prefix}/canary-weight`]: '20' };
const path = '/a b/é';

/** What there is at first; each case has some of it in another form. */
const shop = { host: 'a.example', paths: [{ path, service: 'web' }] };
const next = { host: 'a.example', paths: [{ path, service: 'next' }], annotations: onCanary };
const rest = { defaultBackend: { service: 'rest' } };

async function modelOf(perHost: boolean, ...objects: readonly object[]): Promise<Model> {
  const store = createStore();
  const services = ['web', 'next', 'other', 'rest'].flatMap((name) => serviceOn(name, [8080]));
  store.apply({
    set: [...objects, ...services].flatMap((object) => ingest(object).object ?? []),
    deleted: [],
  });
  const settings = settingsFor('/var/lib/gateway', { traffic: { perHost } });
  const pipeline = await pipelineFor(capabilityPresets['1.30'], settings);
  return pipeline.build(store.snapshot(), new Map(), goldenNow).model;
}

/** As nginx writes it: bytes that each are one character. */
function logged(canary: string, route: string): Route {
  const { method, status, ...labels } = readKey(
    `200|GET|${canary}|${Buffer.from(route).toString('latin1')}`,
  ) ?? { method: '', status: '' };
  assert.deepEqual([method, status], ['GET', '200']);
  assert.ok('path' in labels);
  return labels;
}

function routesOf(host: string): { readonly [name in 'web' | 'canary' | 'rest' | 'none']: Route } {
  return {
    web: logged('', `${host} default shop web 80 ${path}`),
    canary: logged('next next 80', `${host} default shop web 80 ${path}`),
    rest: logged('', '- default rest rest 80 /'),
    none: logged('', ''),
  };
}

const cases: readonly [
  what: string,
  perHost: boolean,
  objects: readonly object[],
  gone: readonly ('web' | 'canary' | 'rest')[],
][] = [
  ['all is as it was', false, [ingress('shop', shop), ingress('next', next), ingress('rest', rest)], []],
  ['an Ingress was deleted', false, [ingress('shop', shop), ingress('next', next)], ['rest']],
  [
    'an Ingress has another class',
    false,
    [ingress('shop', { ...shop, className: 'foreign' }), ingress('next', next), ingress('rest', rest)],
    ['web', 'canary'],
  ],
  [
    'a canary is none any more',
    false,
    [ingress('shop', shop), ingress('next', { ...next, annotations: {} }), ingress('rest', rest)],
    ['canary'],
  ],
  [
    'a canary has another Service',
    false,
    [
      ingress('shop', shop),
      ingress('next', { ...next, paths: [{ path, service: 'other' }] }),
      ingress('rest', rest),
    ],
    ['canary'],
  ],
  [
    'a route has another Service',
    false,
    [
      ingress('shop', { ...shop, paths: [{ path, service: 'other' }] }),
      ingress('next', next),
      ingress('rest', rest),
    ],
    ['web', 'canary'],
  ],
  [
    'a host has another name, and is no label',
    false,
    [
      ingress('shop', { ...shop, host: 'b.example' }),
      ingress('next', { ...next, host: 'b.example' }),
      ingress('rest', rest),
    ],
    [],
  ],
  [
    'a host has another name',
    true,
    [
      ingress('shop', { ...shop, host: 'b.example' }),
      ingress('next', { ...next, host: 'b.example' }),
      ingress('rest', rest),
    ],
    ['web', 'canary'],
  ],
  [
    'with hosts, all is as it was',
    true,
    [ingress('shop', shop), ingress('next', next), ingress('rest', rest)],
    [],
  ],
];

for (const [what, perHost, objects, gone] of cases) {
  test(`routes that no requests are counted for: ${what}`, async () => {
    const routes = routesOf(perHost ? 'a.example' : '-');
    const found = goneRoutes(await modelOf(perHost, ...objects), Object.values(routes));
    assert.deepEqual(
      found,
      gone.map((name) => routes[name]),
    );
  });
}
