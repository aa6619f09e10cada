import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { groupId } from '../../src/nginx/worker-group.ts';

const groups = 'root:x:0:\nnogroup:x:65534:\nnginx:x:101:\nwww-data:x:33:somebody\nodd:x:-1:\n';

describe('the group of workers', () => {
  const cases: readonly [readonly string[], string, number | null][] = [
    [[], groups, 65_534],
    [[], `${groups}nobody:x:99:\n`, 99],
    [['--user=nginx', '--group=www-data'], groups, 33],
    [['--user=nginx'], groups, 101],
    [['--group=missing'], groups, null],
    [['--group=odd'], groups, null],
    [[], '', null],
  ];
  for (const [configured, text, id] of cases) {
    it(`is ${id ?? 'unknown'} for ${configured.join(' ') || 'no option'}`, () => {
      assert.equal(groupId(configured, text), id);
    });
  }
});
