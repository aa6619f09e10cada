import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartOf, type ChartOptions } from '../../../src/observe/debug/chart.ts';
import { durationWords, momentOf, rateWords, sentence } from '../../../src/observe/debug/words.ts';

const hour = 3_600_000;
const from = Date.UTC(2026, 0, 2, 3, 0, 0);

function chart(
  values: readonly (number | null)[],
  changes: Partial<ChartOptions> = {},
): ReturnType<typeof chartOf> {
  return chartOf({
    id: 'a',
    title: 'Requests',
    times: values.map((_, index) => from + (index * hour) / (values.length - 1 || 1)),
    from,
    to: from + hour,
    series: [{ name: 'all', colour: 0, values }],
    words: rateWords,
    ...changes,
  });
}

test('a line goes from edge to edge, its top below a round number', () => {
  const { series, horizontal, vertical, description } = chart([0, 30, 42]);
  assert.equal(series[0]?.path, 'M4 160L210 73.6L416 39');
  assert.deepEqual(
    horizontal.map(({ label }) => label),
    ['25/s', '50/s'],
  );
  assert.deepEqual(
    vertical.map(({ label, isLast }) => [label, isLast]),
    [
      ['03:00', false],
      ['03:15', false],
      ['03:30', false],
      ['03:45', false],
      ['04:00', true],
    ],
  );
  assert.equal(description, 'Requests from 03:00 to 04:00 UTC. all: 42/s at the end, at most 42/s at 04:00.');
});

test('where nothing was measured there is no line, and no zero', () => {
  const { series, table } = chart([1, null, null, 2, 2]);
  assert.equal([...(series[0]?.path.matchAll(/M/gu) ?? [])].length, 2);
  assert.deepEqual(
    table.map(({ values }) => values[0]),
    ['1/s', '–', '–', '2/s', '2/s'],
  );
  const none = chart([null, null]);
  assert.equal(none.isEmpty, true);
  assert.equal(none.series[0]?.path, '');
  assert.equal(none.series[0]?.latest, 'none');
  assert.match(none.description, /all: none\.$/u);
  assert.equal(chart([]).description, 'Requests: nothing was measured.');
});

test('a short span has its times closer together, and every number is finite', () => {
  const { vertical } = chart([1, 2], { to: from + 600_000 });
  assert.deepEqual(
    vertical.map(({ label }) => label),
    ['03:00', '03:02', '03:04', '03:06', '03:08', '03:10'],
  );
  for (const one of [chart([0, 0]), chart([5]), chart([1e9, 1e-9]), chart([1, 2], { to: from })]) {
    assert.doesNotMatch(JSON.stringify(one), /NaN|Infinity/u);
  }
});

test('a sentence begins with a capital, a path or a name as it is', () => {
  assert.deepEqual(['proxied to a', '404: it', '/cart/ is', 'a.example is', 'nginx says'].map(sentence), [
    'Proxied to a',
    '404: it',
    '/cart/ is',
    'a.example is',
    'nginx says',
  ]);
});

test('figures are in the unit that is read most easily', () => {
  assert.deepEqual([0, 0.000_05, 0.0123, 0.25, 1.234, 75].map(durationWords), [
    '0 ms',
    '50 µs',
    '12.3 ms',
    '250 ms',
    '1.23 s',
    '75 s',
  ]);
  assert.deepEqual([0, 0.333, 4.5, 123.4].map(rateWords), ['0/s', '0.33/s', '4.5/s', '123/s']);
  assert.deepEqual(
    [0, 59_000, 150_000, 7_300_000, 200_000_000, -5].map((ago) => momentOf(from, from + ago).ago),
    ['now', '59 s ago', '2 min ago', '2 h ago', '2 days ago', 'now'],
  );
  assert.equal(momentOf(from, from).clock, '2026-01-02 03:00:00 UTC');
});
