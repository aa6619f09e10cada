import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTurns } from '../../src/observe/turns.ts';

function here(): boolean {
  return false;
}

describe('turns', () => {
  it('come one at a time, in order, and too many are sent away at once', async () => {
    const turns = createTurns(2);
    const begun: string[] = [];
    const first = Promise.withResolvers<string>();
    function work(name: string): () => Promise<string> {
      return async () => {
        begun.push(name);
        return name === 'first' ? await first.promise : name;
      };
    }
    const answers = ['first', 'second', 'third'].map((name) => turns.take(work(name), here));
    assert.equal(await turns.take(work('fourth'), here), null);
    assert.deepEqual(begun, ['first']);
    first.resolve('done');
    assert.deepEqual(await Promise.all(answers), ['done', 'second', 'third']);
    assert.deepEqual(begun, ['first', 'second', 'third']);
    assert.equal(await turns.take(work('fifth'), here), 'fifth');
  });

  it('pass over those who have gone, who hold no place either', async () => {
    const turns = createTurns(1);
    const first = Promise.withResolvers<string>();
    const begun: string[] = [];
    let isGone = false;
    const running = turns.take(() => first.promise, here);
    const left = turns.take(
      async () => {
        begun.push('left');
        return await Promise.resolve('left');
      },
      () => isGone,
    );
    isGone = true;
    const next = turns.take(() => Promise.resolve('next'), here);
    assert.equal(await left, null);
    first.resolve('first');
    assert.deepEqual(await Promise.all([running, next]), ['first', 'next']);
    assert.deepEqual(begun, []);
  });

  it('go on after work that failed', async () => {
    const turns = createTurns(1);
    const failing = turns.take(() => Promise.reject(new Error('broken')), here);
    const next = turns.take(() => Promise.resolve('next'), here);
    await assert.rejects(failing, /broken/u);
    assert.equal(await next, 'next');
  });
});
