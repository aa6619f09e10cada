import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Interned } from '../../src/render/interned.ts';

describe('interned values', () => {
  it('are one object where they are equal, and made once', () => {
    const interned = new Interned<object>();
    let made = 0;
    function make(): object {
      made += 1;
      return {};
    }
    const first = interned.of({ a: [1] }, make);
    assert.equal(interned.of({ a: [1] }, make), first);
    assert.notEqual(interned.of({ a: [2] }, make), first);
    assert.equal(made, 2);
  });

  it('do not grow without end', () => {
    const interned = new Interned<object>();
    const first = interned.of(0, () => ({}));
    for (let key = 1; key < 2000; key += 1) {
      interned.of(key, () => ({}));
    }
    assert.equal(
      interned.of(0, () => ({})),
      first,
    );
    interned.of(2000, () => ({}));
    assert.notEqual(
      interned.of(0, () => ({})),
      first,
    );
  });
});
