import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import { watchIntrinsics } from '../../src/worker/intrinsics.ts';

interface Change {
  readonly what: string;
  readonly object: object;
  readonly key: string | symbol;
}

/** Makes a change, looks, and puts back what was there. */
function seenAfter({ object, key }: Omit<Change, 'what'>, value: unknown): string | null {
  const changed = watchIntrinsics();
  const before = Object.getOwnPropertyDescriptor(object, key);
  Object.defineProperty(object, key, { value, configurable: true, writable: true });
  try {
    return changed();
  } finally {
    if (before === undefined) {
      Reflect.deleteProperty(object, key);
    } else {
      Object.defineProperty(object, key, before);
    }
  }
}

describe('watchIntrinsics', () => {
  const changes: Change[] = [
    { what: 'Object.prototype.polluted', object: Object.prototype, key: 'polluted' },
    { what: 'Array.prototype.map', object: Array.prototype, key: 'map' },
    { what: 'a symbol of Array.prototype', object: Array.prototype, key: Symbol.iterator },
    { what: 'JSON.stringify', object: JSON, key: 'stringify' },
    { what: 'globalThis.Map', object: globalThis, key: 'Map' },
    { what: 'Error.prototype.toString', object: Error.prototype, key: 'toString' },
  ];
  for (const change of changes) {
    it(`names ${change.what} when it is changed, and nothing once it is as before`, () => {
      const changed = watchIntrinsics();

      assert.equal(
        seenAfter(change, () => undefined),
        change.what,
      );
      assert.equal(changed(), null);
    });
  }

  it('says nothing of ordinary work', async () => {
    const changed = watchIntrinsics();

    assert.equal(runInNewContext('1 + 1'), 2);
    /(a)/u.exec('a');
    structuredClone(new Map([[1, new Error('x')]]));
    await import('node:zlib');

    assert.equal(changed(), null);
  });
});
