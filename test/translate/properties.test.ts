import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ClusterObject, Ingress } from '../../src/cluster/objects.ts';
import { isToken, type Token } from '../../src/model/token.ts';
import { verdictStates } from '../../src/model/verdict.ts';
import type { Translation } from '../../src/translate/translate.ts';
import { clusters } from './hostile-cluster.ts';
import { meta, run, service, slice } from './world.ts';

const runs = { numRuns: 300 };

/** The texts that are the gateway's own and no tokens: identities, places in objects, file contents and names of its parts. */
const ownTexts = new Set([
  'origin',
  'field',
  'path',
  'content',
  'objects',
  'id',
  'protocol',
  'listeners',
  'plugin',
]);

/** Paths of all values below `value` that are plain text where a token should be. */
function plainTexts(value: unknown, at: string, key: string): string[] {
  if (isToken(value)) {
    return [];
  }
  if (Array.isArray(value)) {
    return value.flatMap((each, index) => plainTexts(each, `${at}[${index}]`, key));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([name, each]) => plainTexts(each, `${at}.${name}`, name));
  }
  return typeof value === 'string' && !ownTexts.has(key) ? [`${at} ${value}`] : [];
}

function tokensIn(value: unknown): Token[] {
  if (isToken(value)) {
    return [value];
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(tokensIn) : [];
}

function textOf({ model, verdicts, names: known }: Translation): string {
  return JSON.stringify([model, verdicts, [...known]]);
}

describe('any cluster', () => {
  it('is translated without throwing, into tokens alone', () => {
    fc.assert(
      fc.property(clusters, fc.constantFrom('api', 'manifests'), (objects, source) => {
        const { model, verdicts } = run(objects, { settings: { source, watchIngressWithoutClass: true } });

        assert.deepEqual(plainTexts(model, 'model', ''), []);
        assert.deepEqual(
          tokensIn(model).filter(({ text }) => /\p{Cc}|[\u2028\u2029]/u.test(text)),
          [],
        );
        // Where nothing is in quarantine, this state stands for a bug that was caught.
        assert.ok(verdicts.every(({ state }) => verdictStates.includes(state) && state !== 'quarantined'));
        assert.ok(
          verdicts.every(({ state, reasons }) => state === 'served' || reasons.length > 0),
          'every state has a reason',
        );
        const ours = objects.filter(({ kind }) => kind === 'Ingress').length;
        assert.equal(
          verdicts.filter(({ kind }) => kind === 'Ingress').length,
          ours,
          'a verdict for every Ingress',
        );
      }),
      runs,
    );
  });

  it('gives nginx nothing that is there twice or leads nowhere', () => {
    fc.assert(
      fc.property(clusters, (objects) => {
        const { model } = run(objects);
        const upstreams = new Set(model.upstreams.map(({ name }) => name.text));
        const used = new Set<string>();

        assert.equal(upstreams.size, model.upstreams.length);
        assert.ok(
          model.upstreams.every(
            ({ peers }) => peers.length > 0 && new Set(peers.map(({ text }) => text)).size === peers.length,
          ),
        );
        assert.equal(model.servers.filter(({ isDefault }) => isDefault).length, 1);
        const serverNames = model.servers.map(({ names: each }) => JSON.stringify(each));
        assert.equal(new Set(serverNames).size, serverNames.length);
        for (const { locations, additions } of model.servers) {
          const matches = locations.map(({ match }) => JSON.stringify(match));
          assert.equal(new Set(matches).size, matches.length, 'no location twice');
          // A server that only redirects to another one has no locations at all.
          const isRoot = locations.some(
            ({ match }) => match.prefix?.text === '/' || match.regex?.text === '^/',
          );
          assert.ok(isRoot || (locations.length === 0 && additions.length === 1), 'a root');
          for (const { action } of locations) {
            assert.equal(Number(action.proxy === null) + Number(action.answer === null), 1);
            if (action.proxy?.upstream) {
              used.add(action.proxy.upstream.text);
            }
          }
        }
        for (const { target } of model.splits.flatMap(({ alternatives }) => alternatives)) {
          used.add(target.text);
        }
        assert.deepEqual(used, upstreams);
        const files = new Set(model.files.map(({ path }) => `/state/${path}`));
        const named = new Set(
          model.servers.flatMap(({ certificate: each }) => (each === null ? [] : [each.path.text])),
        );
        assert.deepEqual(named, files);
      }),
      runs,
    );
  });

  it('gives the same in any order', () => {
    fc.assert(
      fc.property(
        clusters.chain((objects) =>
          fc.tuple(fc.constant(objects), fc.shuffledSubarray(objects, { minLength: objects.length })),
        ),
        ([objects, shuffled]) => {
          const mixed = shuffled.map(mixInside);

          assert.equal(textOf(run(mixed)), textOf(run(objects)));
          // Reasons name endpoints by their place, so these may only change the words.
          const turned = shuffled.map(turnEndpoints);
          assert.deepEqual(run(turned).model, run(objects).model);
        },
      ),
      runs,
    );
  });

  it('does not serve one object otherwise because of a broken one beside it', () => {
    const good = [
      service('good', { namespace: 'good' }),
      slice('good', ['10.9.9.9'], { namespace: 'good' }),
      {
        kind: 'Ingress',
        meta: meta('good', { namespace: 'good', createdAt: 0 }),
        className: null,
        defaultBackend: null,
        rules: [
          {
            host: 'good.example.org',
            paths: [
              {
                path: '/',
                pathType: 'Prefix',
                backend: { service: { name: 'good', port: { name: null, number: 80 } }, resource: null },
              },
            ],
          },
        ],
        tls: [],
      } satisfies Ingress,
    ];
    const alone = run(good).model.servers.at(-1);
    fc.assert(
      fc.property(clusters, (objects) => {
        const { model, verdicts } = run([...objects, ...good]);
        const server = model.servers.find(({ names: each }) => each[0]?.exact?.text === 'good.example.org');

        assert.deepEqual(server, alone);
        assert.equal(
          verdicts.find(({ kind, name }) => kind === 'Ingress' && name === 'good')?.state,
          'served',
        );
      }),
      runs,
    );
  });
});

/** Turns around what has no order: annotations, and ports of slices. */
function mixInside(object: ClusterObject): ClusterObject {
  if (object.kind === 'Ingress') {
    const turned = Object.fromEntries(Object.entries(object.meta.annotations).reverse());
    return { ...object, meta: { ...object.meta, annotations: turned } };
  }
  if (object.kind === 'EndpointSlice') {
    return { ...object, ports: [...object.ports].reverse() };
  }
  return object;
}

function turnEndpoints(object: ClusterObject): ClusterObject {
  return object.kind === 'EndpointSlice' ? { ...object, endpoints: [...object.endpoints].reverse() } : object;
}
