import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { verdictsUnserved } from '../../src/controller/unserved.ts';
import type { Verdict, VerdictState } from '../../src/model/verdict.ts';

function verdict(name: string, state: VerdictState = 'served', message?: string): Verdict {
  const reasons = message === undefined ? [] : [{ field: 'spec', message }];
  return { kind: 'Ingress', namespace: 'a', name, state, reasons };
}

const fault = 'no space left on device';

describe('the verdicts of a pass that failed', () => {
  it('tell on each object that waits for the next one, and leave the others', () => {
    const verdicts = verdictsUnserved({
      before: [verdict('same'), verdict('edited', 'conflict', 'served by another')],
      now: [verdict('same'), verdict('edited'), verdict('new'), verdict('foreign', 'ignored')],
      changed: new Set(['Ingress/a/edited', 'Ingress/a/new']),
      quarantined: new Map(),
      fault,
    });

    const told = new Map(verdicts.map(({ name, state, reasons }) => [name, { state, reasons }]));
    assert.deepEqual(told.get('same'), { state: 'served', reasons: [] });
    assert.equal(told.get('edited')?.state, 'conflict');
    assert.match(told.get('edited')?.reasons[0]?.message ?? '', /as it was before.*no space left/u);
    assert.equal(told.get('edited')?.reasons[1]?.message, 'served by another');
    assert.equal(told.get('new')?.state, 'rejected');
    assert.match(told.get('new')?.reasons[0]?.message ?? '', /not served yet.*no space left/u);
    assert.equal(told.get('foreign')?.state, 'ignored');
  });

  it('name who was found at fault, and keep the words on who was kept out before', () => {
    const kept = verdict('kept', 'quarantined', 'nginx refuses it; its last good form goes on being served');
    const verdicts = verdictsUnserved({
      before: [kept, verdict('found')],
      now: [verdict('kept'), verdict('found')],
      changed: new Set(),
      quarantined: new Map([
        ['Ingress/a/kept', { field: 'spec', message: 'nginx refuses it' }],
        ['Ingress/a/found', { field: 'spec', message: 'nginx refuses this' }],
      ]),
      fault,
    });

    assert.deepEqual(verdicts[0], kept);
    assert.deepEqual(verdicts[1], verdict('found', 'quarantined', 'nginx refuses this'));
  });

  it('call everything unserved where nothing was served yet', () => {
    const [only] = verdictsUnserved({
      before: [],
      now: [verdict('new')],
      changed: null,
      quarantined: new Map(),
      fault,
    });

    assert.equal(only?.state, 'rejected');
  });
});
