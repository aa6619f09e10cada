import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Ingress } from '../../src/cluster/objects.ts';
import { presentPart } from '../../src/worker/present-part.ts';
import { ingress, type IngressOptions } from '../translate/world.ts';

function form(options: IngressOptions = {}): Ingress {
  return ingress('web', { rules: { 'a.example': ['Prefix / web:80'] }, ...options });
}

function part(good: IngressOptions, now: IngressOptions): Ingress | null {
  return presentPart(form(good), form(now), (name) => (name.endsWith('/names') ? 'common' : null));
}

/** What it claims, as `host kind path`. */
function claims(one: Ingress | null): readonly string[] | null {
  return one === null
    ? null
    : one.rules.flatMap(({ host, paths }) =>
        (paths ?? [{ pathType: 'all', path: '' }]).map(({ pathType, path }) => `${host} ${pathType} ${path}`),
      );
}

describe('of a last good form', () => {
  it('only those hosts and paths are left that the present version names, each as it does', () => {
    const good = {
      rules: {
        'a.example': ['Prefix / web:80', 'Prefix /secret web:80', 'Prefix /exact web:80'],
        'gone.example': ['Prefix / web:80'],
        'all.example': null,
        'some.example': null,
      },
    };
    const now = {
      rules: {
        'a.example': ['Prefix / other:80', 'Exact /exact web:80', 'Prefix /new web:80'],
        'all.example': null,
        'some.example': ['Prefix / web:80'],
        'new.example': ['Prefix / web:80'],
      },
    };

    assert.deepEqual(claims(part(good, now)), ['a.example Prefix /', 'all.example all ']);
  });

  it('nothing is left where none of its hosts is named any more: it does not answer for all hosts instead', () => {
    const now = { rules: { 'b.example': ['Prefix / web:80'] }, defaultBackend: 'web:80' };

    assert.equal(part({}, now), null);
    assert.equal(part({ defaultBackend: 'web:80' }, now), null);
    assert.equal(part({ rules: {}, defaultBackend: 'web:80' }, now), null);
    assert.equal(part({ rules: {}, defaultBackend: 'web:80' }, { rules: {} }), null);
    assert.notEqual(
      part({ rules: {}, defaultBackend: 'web:80' }, { rules: {}, defaultBackend: 'b:80' }),
      null,
    );
  });

  it('the default backend goes with that of the present version, and the age is that of the object there is', () => {
    assert.equal(part({ defaultBackend: 'web:80' }, {})?.defaultBackend, null);
    const left = part({ defaultBackend: 'web:80', age: 100 }, { defaultBackend: 'b:80', age: 1 });
    assert.equal(left?.defaultBackend?.service?.name, 'web');
    assert.equal(left.meta.createdAt, form({ age: 1 }).meta.createdAt);
  });

  it('nothing is left where TLS is asked for now on a host that had none', () => {
    const tls = [{ hosts: ['a.example'], secretName: 's' }];

    assert.equal(part({}, { tls }), null);
    assert.equal(part({}, { tls: [{ hosts: [], secretName: '' }] }), null, 'of all its hosts');
    assert.equal(part({ tls: [{ hosts: ['b.example'], secretName: 's' }] }, { tls }), null);
    assert.notEqual(part({ tls }, { tls }), null);
    assert.notEqual(part({ tls }, {}), null, 'it protects more');
    const another = [...tls, { hosts: ['b.example'], secretName: 's' }];
    assert.notEqual(part({ tls }, { tls: another }), null, 'it had not that host at all');
  });

  it('further names are left as far as the present version has them', () => {
    const [before, after, gone] = ['one, two,three', 'three,four, one', 'four'].map((names) => ({
      annotations: { '/names': names, '/other': names },
    }));

    const left = part(before ?? {}, after ?? {})?.meta.annotations ?? {};
    assert.deepEqual(Object.values(left).toSorted(), ['one, two,three', 'one,three']);
    assert.equal(Object.keys(part(before ?? {}, gone ?? {})?.meta.annotations ?? {}).length, 1);
  });

  it('nothing is left where the present version is for another gateway', () => {
    assert.equal(part({ className: 'ours' }, { className: 'theirs' }), null);
  });
});
