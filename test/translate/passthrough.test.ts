import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterObject } from '../../src/cluster/objects.ts';
import type { Translation } from '../../src/translate/translate.ts';
import { app, ingress, meta, run, verdictOf, type IngressOptions } from './world.ts';

const host = 'a.example.com';
const passing = { 'ssl-passthrough': 'true' };
const allow = { 'allowlist-source-range': '10.0.0.0/8' };

/** An Ingress in the namespace `web` that passes TLS of the host to its backend. */
function asking(more: IngressOptions = {}): ClusterObject {
  return ingress('asking', {
    namespace: 'web',
    age: 2,
    annotations: passing,
    rules: { [host]: ['Prefix / a:80'] },
    ...more,
  });
}

function beside(more: IngressOptions = {}): ClusterObject {
  return ingress('beside', {
    namespace: 'web',
    age: 1,
    rules: { [host]: ['Prefix /admin a:80'] },
    ...more,
  });
}

function passed(objects: readonly ClusterObject[], data: Readonly<Record<string, string>> = {}): Translation {
  const options: ClusterObject = {
    kind: 'ConfigMap',
    meta: meta('options', { namespace: 'web' }),
    data,
  };
  return run([...app('a', 'web'), ...app('a', 'other'), options, ...objects], {
    settings: { enableSslPassthrough: true, optionsConfigMap: 'web/options' },
  });
}

function names({ model }: Translation): string[] {
  return model.passthrough?.hosts.map(({ name }) => name.text) ?? [];
}

describe('TLS of a host goes by', () => {
  it('where nothing of the host asks for a protection', () => {
    const result = passed(
      [
        asking(),
        beside({
          annotations: { 'configuration-snippet': 'add_header X a;', 'proxy-ssl-verify': 'off' },
        }),
      ],
      { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' },
    );

    assert.deepEqual(names(result), [host]);
    assert.deepEqual(verdictOf(result, 'Ingress/web/asking'), { state: 'served', reasons: [] });
    assert.deepEqual(verdictOf(result, 'Ingress/web/beside'), {
      state: 'served',
      reasons: [
        `spec.rules[0].host: is served over HTTP alone: TLS of ${host} goes to the backend of Ingress/web/asking as it is (ssl-passthrough)`,
      ],
    });
  });

  it('where all that the options ask for is switched off for it', () => {
    const off = { 'enable-global-auth': 'false' };

    const result = passed([asking({ annotations: { ...passing, ...off } }), beside({ annotations: off })], {
      'global-auth-url': 'http://a.web.svc/',
    });

    assert.deepEqual(names(result), [host]);
  });

  it('from another namespace that has a path of it, which is told', () => {
    const result = passed([asking(), beside({ namespace: 'other' })]);

    assert.deepEqual(names(result), [host]);
    assert.equal(verdictOf(result, 'Ingress/other/beside').state, 'served-with-difference');
  });

  it('whatever somebody asks for who has no path of it', () => {
    const lost = { rules: { [host]: ['Prefix / a:80'] }, namespace: 'other', annotations: allow };

    assert.deepEqual(names(passed([asking(), beside(lost)])), [host]);
  });
});

describe('TLS of a host ends at the gateway', () => {
  const options: readonly (readonly [string, string])[] = [
    ['whitelist-source-range', '10.0.0.0/8'],
    ['denylist-source-range', '10.0.0.0/8'],
    ['block-cidrs', '10.0.0.0/8'],
    ['block-user-agents', 'curl'],
    ['block-referers', 'evil.example'],
    ['enable-modsecurity', 'true'],
    ['global-auth-url', 'http://a.web.svc/'],
    ['location-snippet', 'deny all;'],
    ['server-snippet', 'if ($arg_x) { return 403; }'],
    ['http-snippet', 'deny all;'],
  ];
  for (const [option, value] of options) {
    it(`where the option ${option} keeps somebody out of everything`, () => {
      const result = passed([asking()], { [option]: value });

      assert.deepEqual(names(result), []);
      const { state, reasons } = verdictOf(result, 'Ingress/web/asking');
      assert.notEqual(state, 'served');
      assert.match(
        reasons.join('\n'),
        new RegExp(`has no effect on ${host}: the option ${option} could not`, 'u'),
      );
    });
  }

  it('where only the neighbour is left to a check of all', () => {
    const own = asking({ annotations: { ...passing, 'enable-global-auth': 'false' } });

    const result = passed([own, beside()], { 'global-auth-url': 'http://a.web.svc/' });

    assert.deepEqual(names(result), []);
    assert.match(verdictOf(result, 'Ingress/web/beside').reasons.join('\n'), /keeps TLS of a\.example\.com/u);
  });

  const neighbours: Readonly<Record<string, IngressOptions>> = {
    'asks for a list': { annotations: allow },
    'asks for a password': { annotations: { 'auth-type': 'basic', 'auth-secret': 'none' } },
    'asks for certificates': { annotations: { 'auth-tls-secret': 'web/none' } },
    'asks for a plugin of a user': { annotations: { 'cloud-native-gateway.io/plugins': 'gate' } },
    'is closed': { annotations: { 'from-to-www-redirect': 'perhaps' } },
    'of another namespace asks for a list': { namespace: 'other', annotations: allow },
  };
  for (const [what, more] of Object.entries(neighbours)) {
    it(`where somebody who ${what} has a path of it`, () => {
      const result = passed([asking(), beside(more)]);

      assert.deepEqual(names(result), []);
      const { namespace = 'web' } = more;
      const told = verdictOf(result, `Ingress/${namespace}/beside`).reasons.join('\n');
      assert.match(told, /ssl-passthrough of Ingress\/web\/asking has no effect/u);
      const own = verdictOf(result, 'Ingress/web/asking').reasons.join('\n');
      assert.match(own, new RegExp(`has no effect on ${host}: .*Ingress/${namespace}/beside`, 'u'));
    });
  }

  it('where the host belongs to another namespace', () => {
    const result = passed([asking({ age: 1 }), beside({ namespace: 'other', age: 2 })]);

    assert.deepEqual(names(result), []);
    assert.match(
      verdictOf(result, 'Ingress/web/asking').reasons.join('\n'),
      /the host belongs to Ingress\/other\/beside, of another namespace/u,
    );
    assert.equal(verdictOf(result, 'Ingress/other/beside').state, 'served-with-difference');
  });
});
