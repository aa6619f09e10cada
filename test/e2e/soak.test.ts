import assert from 'node:assert/strict';
import { soak } from '../../scripts/soak/run.ts';
import { onEveryNginx } from '../support/gateway.ts';

/** Enough for most faults to come up once; `node scripts/soak.ts` mixes them for as long as is wanted. */
const seconds = 35;

onEveryNginx('a short soak: faults mixed from a seed', async (t, nginx) => {
  const told: string[] = [];
  const report = await soak(t, {
    nginx,
    seconds,
    seed: 20_260_131,
    tell: (line) => told.push(line),
  });
  for (const { clients, sent, lost, allowed } of report.traffic) {
    t.diagnostic(`${clients}: ${sent} requests, ${lost} lost, ${allowed} allowed`);
    assert.ok(sent > 0, clients);
  }
  const kinds = [...report.faults.values()].filter((times) => times > 0).length;
  t.diagnostic(`${kinds} of ${report.faults.size} faults came up; ${told.length} lines told`);
  assert.ok(kinds > 5, 'some came up, whatever the machine had to do beside');
  assert.deepEqual(report.problems, [], told.join('\n'));
});
