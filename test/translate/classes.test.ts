import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterObject } from '../../src/cluster/objects.ts';
import type { TranslateSettings } from '../../src/translate/settings.ts';
import { app, ingress, ingressClass, namespace, run, verdictOf, type IngressOptions } from './world.ts';

const rules = { 'a.example.com': ['Prefix / a:80'] };
function byAnnotation(value: string): Record<string, string> {
  return { 'kubernetes.io/ingress.class': value };
}

interface Case {
  readonly of: string;
  readonly options: IngressOptions;
  readonly settings?: Partial<TranslateSettings>;
  readonly objects?: readonly ClusterObject[];
  /** Null where the Ingress is served, else what its reason says. */
  readonly ignored: RegExp | null;
}

const api: Partial<TranslateSettings> = { source: 'api' };
const ours = ingressClass('ours', 'example.com/ours');
const theirs = ingressClass('theirs', 'example.com/theirs');

const cases: readonly Case[] = [
  { of: 'no class in manifests', options: {}, ignored: null },
  {
    of: 'our class name in manifests without an IngressClass',
    options: { className: 'nginx' },
    ignored: null,
  },
  {
    of: 'our class name in manifests with an IngressClass of ingress-nginx',
    options: { className: 'nginx' },
    objects: [ingressClass('nginx', 'k8s.io/ingress-nginx')],
    ignored: null,
  },
  {
    of: 'another class name in manifests',
    options: { className: 'other' },
    ignored: /spec\.ingressClassName: there is no IngressClass "other"/u,
  },
  {
    of: 'an IngressClass with our controller',
    options: { className: 'ours' },
    objects: [ours],
    settings: api,
    ignored: null,
  },
  {
    of: 'an IngressClass with another controller',
    options: { className: 'theirs' },
    objects: [theirs],
    ignored: /IngressClass "theirs" is for the controller "example\.com\/theirs", not example\.com\/ours/u,
  },
  {
    of: 'our class name in the API without an IngressClass',
    options: { className: 'nginx' },
    settings: api,
    ignored: /there is no IngressClass/u,
  },
  {
    of: 'our class name in the API with the IngressClass of another controller',
    options: { className: 'nginx' },
    objects: [ingressClass('nginx', 'k8s.io/ingress-nginx')],
    settings: api,
    ignored: /is for the controller/u,
  },
  {
    of: 'the same by name',
    options: { className: 'nginx' },
    objects: [ingressClass('nginx', 'k8s.io/ingress-nginx')],
    settings: { ...api, ingressClassByName: true },
    ignored: null,
  },
  { of: 'no class in the API', options: {}, settings: api, ignored: /no class is named/u },
  {
    of: 'no class in the API where that is allowed',
    options: {},
    settings: { ...api, watchIngressWithoutClass: true },
    ignored: null,
  },
  {
    of: 'our class in the annotation',
    options: { annotations: byAnnotation('nginx') },
    settings: api,
    ignored: null,
  },
  {
    of: 'another class in the annotation',
    options: { annotations: byAnnotation('traefik') },
    ignored: /class "traefik" is not nginx/u,
  },
  {
    of: 'an empty annotation',
    options: { annotations: byAnnotation('') },
    ignored: /class "" is not nginx/u,
  },
  {
    of: 'our class in the annotation beside another class name, which decides alone',
    options: { annotations: byAnnotation('nginx'), className: 'theirs' },
    objects: [theirs],
    ignored: /IngressClass "theirs"/u,
  },
  {
    of: 'a default backend where those are switched off',
    options: { defaultBackend: 'a:80' },
    settings: { disableCatchAll: true },
    ignored: /spec\.defaultBackend.*disable_catch_all/u,
  },
  {
    of: 'another namespace than the watched one',
    options: {},
    settings: { namespace: 'prod' },
    ignored: /only Ingresses of namespace prod/u,
  },
  { of: 'the watched namespace', options: {}, settings: { namespace: 'default' }, ignored: null },
  {
    of: 'a namespace with the wanted labels',
    options: {},
    objects: [namespace('default', { team: 'web' })],
    settings: selector('in', ['web', 'api']),
    ignored: null,
  },
  {
    of: 'a namespace with other labels',
    options: {},
    objects: [namespace('default', { team: 'db' })],
    settings: selector('in', ['web']),
    ignored: /do not match kubernetes\.watch_namespace_selector/u,
  },
  {
    of: 'a namespace nothing is known of',
    options: {},
    settings: selector('exists', []),
    ignored: /labels of namespace "default" are not known/u,
  },
  {
    of: 'a namespace nothing is known of where a label must be absent',
    options: {},
    settings: selector('absent', []),
    ignored: /labels of namespace "default" are not known/u,
  },
  {
    of: 'a namespace nothing is known of where a label must have no such value',
    options: {},
    settings: selector('not-in', ['db']),
    ignored: /labels of namespace "default" are not known/u,
  },
  {
    of: 'a namespace nothing is known of but its name, which is what counts',
    options: {},
    settings: selector('in', ['default'], 'kubernetes.io/metadata.name'),
    ignored: null,
  },
  {
    of: 'a namespace nothing is known of but its name, which is another one',
    options: {},
    settings: selector('not-in', ['default'], 'kubernetes.io/metadata.name'),
    ignored: /do not match/u,
  },
  {
    of: 'a namespace without a label that must be absent',
    options: {},
    objects: [namespace('default', {})],
    settings: selector('absent', []),
    ignored: null,
  },
  {
    of: 'a namespace without a label that must have no such value',
    options: {},
    objects: [namespace('default', {})],
    settings: selector('not-in', ['db']),
    ignored: null,
  },
];

function selector(
  operator: 'in' | 'not-in' | 'exists' | 'absent',
  values: string[],
  key = 'team',
): Partial<TranslateSettings> {
  return { namespaceSelector: { requirements: [{ key, operator, values }] } };
}

describe('which Ingresses are served', () => {
  for (const { of, options, settings, objects, ignored } of cases) {
    it(`${ignored === null ? 'serves' : 'ignores'} ${of}`, () => {
      const result = run([...app('a'), ...(objects ?? []), ingress('i', { rules, ...options })], {
        settings: settings ?? {},
      });

      const verdict = verdictOf(result, 'Ingress/default/i');
      assert.equal(verdict.state, ignored === null ? 'served' : 'ignored');
      assert.match(verdict.reasons.join(), ignored ?? /^$/u);
      assert.equal(result.model.servers.length, ignored === null ? 2 : 1);
    });
  }

  it('gives a verdict on our IngressClasses and on no others', () => {
    const { verdicts } = run([ours, theirs]);

    assert.deepEqual(
      verdicts.map(({ kind, name, state }) => [kind, name, state]),
      [['IngressClass', 'ours', 'served']],
    );
  });
});
