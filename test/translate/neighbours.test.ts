import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterObject } from '../../src/cluster/objects.ts';
import type { Translation } from '../../src/translate/translate.ts';
import { app, ingress, meta, routesOf, run, serverOf, verdictOf } from './world.ts';

const host = 'a.example.com';

type Annotations = Readonly<Record<string, string>>;

/** The oldest Ingress of the host, in the namespace `own`. */
function own(annotations: Annotations = {}): ClusterObject {
  return ingress('own', { namespace: 'own', age: 3, annotations, rules: { [host]: ['Exact / a:80'] } });
}

/** A younger one, of the namespace `strange` or the host's. */
function other(annotations: Annotations, namespace = 'strange', more: readonly string[] = []): ClusterObject {
  return ingress('other', {
    namespace,
    age: 2,
    annotations,
    rules: { [host]: ['Exact /zz a:80'], ...(more.length > 0 && { 'b.example.com': more }) },
  });
}

const options: ClusterObject = {
  kind: 'ConfigMap',
  meta: meta('options'),
  data: { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' },
};

function built(objects: readonly ClusterObject[], quarantine: Annotations = {}): Translation {
  const apps = ['own', 'strange'].flatMap((namespace) => app('a', namespace));
  return run([...apps, options, ...objects], {
    settings: { optionsConfigMap: 'default/options' },
    quarantine,
  });
}

describe('an Ingress of another namespace than its host', () => {
  const closing: Readonly<Record<string, Annotations>> = {
    'for client certificates': { 'auth-tls-secret': 'strange/none' },
    'for a certificate of a name that cannot be read': {
      'auth-tls-secret': 'strange/none',
      'auth-tls-match-cn': 'x',
    },
    'to deny': { 'server-snippet': 'allow 1.2.3.4;\ndeny all;' },
    'for answers': { 'server-snippet': 'return 403;' },
  };
  for (const [what, annotations] of Object.entries(closing)) {
    it(`asks ${what}: its own routes are closed`, () => {
      const result = built([own(), other(annotations)]);

      assert.deepEqual(routesOf(result, host), ['= /zz -> 503', '/ -> 404', '= / -> http://own_a_80']);
      const { additions, endings } = serverOf(result, host);
      assert.deepEqual([additions, endings], [[], []]);
      assert.deepEqual(verdictOf(result, 'Ingress/own/own'), { state: 'served', reasons: [] });
      const { state, reasons } = verdictOf(result, 'Ingress/strange/other');
      assert.equal(state, 'rejected');
      assert.match(reasons.join('\n'), /belongs to Ingress\/own\/own|line 1: "allow"/u);
    });
  }

  it('closes nothing of the host where nginx has refused it', () => {
    const result = built([own(), other({ 'server-snippet': 'limit_req zone=nope;' })], {
      'Ingress/strange/other': 'zero size shared memory zone "nope"',
    });

    assert.ok(routesOf(result, host).includes('= / -> http://own_a_80'));
    assert.deepEqual(verdictOf(result, 'Ingress/own/own'), { state: 'served', reasons: [] });
  });

  const changing: Readonly<Record<string, Annotations>> = {
    'ssl-ciphers': { 'ssl-ciphers': 'NULL-SHA256' },
    'app-root': { 'app-root': '/zz' },
    'server-alias': { 'server-alias': 'c.example.com' },
    'from-to-www-redirect': { 'from-to-www-redirect': 'true' },
    'server-snippet': { 'server-snippet': 'add_header X x;' },
  };
  for (const [name, annotations] of Object.entries(changing)) {
    it(`changes nothing of it by ${name}, and is served`, () => {
      const result = built([own(), other(annotations)]);

      assert.deepEqual(serverOf(result, host), {
        ...serverOf(built([own(), other({})]), host),
      });
      assert.deepEqual(verdictOf(result, 'Ingress/own/own'), { state: 'served', reasons: [] });
      const { state, reasons } = verdictOf(result, 'Ingress/strange/other');
      assert.equal(state, 'served-with-difference');
      assert.match(
        reasons.join('\n'),
        new RegExp(`${name}"\\]: has no effect on ${host}, which belongs to Ingress/own/own`, 'u'),
      );
    });
  }

  it('has what those ask for whom the host belongs to', () => {
    const annotations = { 'app-root': '/zz', 'server-snippet': 'if ($arg_x) { return 403; }' };

    const result = built([own(annotations), other(annotations)]);

    assert.ok(routesOf(result, host).includes('= /zz -> http://strange_a_80'));
    const { state, reasons } = verdictOf(result, 'Ingress/strange/other');
    assert.equal(state, 'served');
    assert.match(reasons.join('\n'), /app-root of Ingress\/own\/own: holds for all of a\.example\.com/u);
  });

  it('is told of nothing where it asks for nothing', () => {
    const result = built([own(), other({ 'auth-tls-verify-client': 'off' })]);

    assert.ok(routesOf(result, host).includes('= /zz -> http://strange_a_80'));
    assert.match(
      verdictOf(result, 'Ingress/strange/other').reasons.join('\n'),
      /^\S+ has no effect without auth-tls-secret[^\n]*$/u,
    );
  });
});

describe('the others of a host are told', () => {
  it('who has closed all of it', () => {
    const result = built([
      own(),
      other({ 'auth-tls-secret': 'own/none' }, 'own'),
      ingress('guest', {
        namespace: 'strange',
        age: 1,
        rules: { [host]: ['Exact /g a:80'], 'b.example.com': ['Exact / a:80'] },
      }),
    ]);

    assert.deepEqual(
      routesOf(result, host).map((route) => route.slice(-3)),
      ['503', '503', '503', '503'],
    );
    const words = `${host} answers 503, whatever the path: auth-tls-secret of Ingress/own/other cannot be built, and protects all of the host`;
    assert.deepEqual(verdictOf(result, 'Ingress/own/own'), {
      state: 'rejected',
      reasons: [`spec.rules[0].host: ${words}`],
    });
    assert.deepEqual(verdictOf(result, 'Ingress/strange/guest'), {
      state: 'served-with-difference',
      reasons: [`spec.rules[0].host: ${words}`],
    });
  });

  it('who changes all of it, which is no difference to ingress-nginx', () => {
    const result = built([own(), other({ 'ssl-ciphers': 'NULL-SHA256' }, 'own')]);

    assert.deepEqual(verdictOf(result, 'Ingress/own/own'), {
      state: 'served',
      reasons: [
        `spec.rules[0].host: ssl-ciphers of Ingress/own/other: holds for all of ${host}, for the routes of this object too`,
      ],
    });
  });
});

describe('the global default backend', () => {
  const settings = { defaultBackendService: 'sys/err' };

  it('is balanced as nobody asks whose host it answers for', () => {
    const annotations = { affinity: 'cookie', 'load-balance': 'ip_hash' };

    const result = run(
      [
        ...app('err', 'sys'),
        ...app('a'),
        ingress('one', { annotations, rules: { [host]: ['Exact /x a:80'] } }),
      ],
      { settings },
    );

    const found = result.model.upstreams.map(({ name, additions }) => [name.text, additions.length]);
    assert.deepEqual(found, [
      ['default_a_80', 1],
      ['sys_err_80', 0],
    ]);
  });

  it('is balanced as its own namespace asks', () => {
    const result = run(
      [
        ...app('err', 'sys'),
        ingress('one', {
          namespace: 'sys',
          annotations: { 'load-balance': 'ip_hash' },
          rules: { [host]: ['Exact /x err:80'] },
        }),
      ],
      { settings },
    );

    assert.equal(result.model.upstreams[0]?.additions.length, 1);
  });
});
