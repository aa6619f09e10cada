import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextPassAt, type ScheduleState } from '../../src/controller/schedule.ts';

const calm: ScheduleState = {
  changes: { firstAt: 100_000, lastAt: 100_000, urgentAt: null },
  occasionAt: null,
  lastEndedAt: 50_000,
  lastTookMs: 400,
  failuresInARow: 0,
};

/** Plays changes against the schedule, each pass taking `tookMs`; returns when passes began. */
function play(changes: readonly number[], tookMs: number, areUrgent = false): number[] {
  const passes: number[] = [];
  let lastEndedAt: number | null = null;
  let pending: number[] = [];
  const coming = [...changes];
  while (coming.length > 0 || pending.length > 0) {
    if (pending.length === 0) {
      pending.push(coming.shift() ?? 0);
    }
    const at: number = Math.max(
      nextPassAt({
        changes: {
          firstAt: pending[0] ?? 0,
          lastAt: pending.at(-1) ?? 0,
          urgentAt: areUrgent ? (pending[0] ?? 0) : null,
        },
        occasionAt: null,
        lastEndedAt,
        lastTookMs: passes.length === 0 ? 0 : tookMs,
        failuresInARow: 0,
      }),
      lastEndedAt ?? 0,
    );
    if (coming[0] !== undefined && coming[0] <= at) {
      pending.push(coming.shift() ?? 0);
      continue;
    }
    passes.push(at);
    lastEndedAt = at + tookMs;
    pending = [];
  }
  return passes;
}

describe('nextPassAt', () => {
  it('makes the first pass at once', () => {
    assert.equal(nextPassAt({ ...calm, lastEndedAt: null }), 100_000);
  });

  it('lets a lone change out at once', () => {
    assert.equal(nextPassAt(calm), 100_000);
  });

  it('waits for quiet after a recent pass', () => {
    assert.equal(nextPassAt({ ...calm, lastEndedAt: 99_900 }), 100_500);
    assert.equal(nextPassAt({ ...calm, lastEndedAt: 99_900, lastTookMs: 3000 }), 103_000);
  });

  it('makes at most five passes of 100 changes in 20 seconds, and takes in the last one soon', () => {
    const changes = Array.from({ length: 100 }, (_, index) => index * 200);

    const passes = play(changes, 500);

    assert.equal(passes[0], 0);
    assert.ok(passes.length <= 5, `${passes.length} passes`);
    assert.ok((passes.at(-1) ?? 0) - (changes.at(-1) ?? 0) <= 5000);
  });

  it('lets an urgent change wait for a second or a pass, whatever else goes on', () => {
    const busy = { ...calm, lastEndedAt: 99_900 };
    const changes = { firstAt: 99_950, lastAt: 101_000, urgentAt: 100_200 };

    assert.equal(nextPassAt({ ...busy, changes: { ...changes, urgentAt: null } }), 101_500);
    assert.equal(nextPassAt({ ...busy, changes }), 101_200);
    assert.equal(nextPassAt({ ...busy, lastTookMs: 6000, changes }), 106_200);
  });

  it('brings an endpoint or certificate out within two seconds while something changes every 300 ms', () => {
    const changes = Array.from({ length: 60 }, (_, index) => index * 300);

    const passes = play(changes, 600, true);

    for (const change of changes) {
      const live = (passes.find((at) => at >= change) ?? Infinity) + 600;
      assert.ok(live - change <= 2000, `a change at ${change} is live at ${live}`);
    }
  });

  it('cuts a burst after two passes where these are long', () => {
    const slow = { ...calm, lastEndedAt: 100_000, lastTookMs: 6000 };
    const changes = { firstAt: 100_500, lastAt: 111_000, urgentAt: null };

    assert.equal(nextPassAt({ ...slow, changes }), 112_500);
  });

  it('tries a failed pass again, less and less often', () => {
    const failed = { ...calm, changes: null, occasionAt: 100_000, lastEndedAt: 100_000 };
    const delays = [1, 2, 3, 10].map((failuresInARow) => nextPassAt({ ...failed, failuresInARow }) - 100_000);

    assert.deepEqual(delays, [1000, 2000, 4000, 30_000]);
  });

  it('does not hold a change back for failures before it', () => {
    const failing = { ...calm, occasionAt: 99_000, lastEndedAt: 99_000, failuresInARow: 10 };

    assert.equal(nextPassAt(failing), 100_000);
    assert.equal(nextPassAt({ ...failing, lastEndedAt: 99_900 }), 100_500);
  });

  it('waits for no quiet where nginx is gone, however long a pass takes', () => {
    const slow = { ...calm, lastEndedAt: 99_900, lastTookMs: 6000 };

    assert.equal(nextPassAt({ ...slow, changes: null, occasionAt: 100_100 }), 100_100);
    assert.equal(nextPassAt({ ...slow, occasionAt: 100_100 }), 100_100);
  });

  it('has nothing to do where nothing waits', () => {
    assert.equal(nextPassAt({ ...calm, changes: null }), Infinity);
  });
});
