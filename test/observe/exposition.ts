import assert from 'node:assert/strict';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const sampleLine =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\n"])*",?)*)\})? ([+-]?(?:\d[\d.e+-]*|Inf|NaN)|Nan)$/;

/**
 * Reads a page in the Prometheus text format 0.0.4 and asserts what a scraper relies on: HELP and TYPE once before
 * the samples of a family, families in one piece, no series twice, histograms cumulative with `+Inf` = `_count`.
 */
export function parseExposition(page: string): Sample[] {
  assert.ok(page.endsWith('\n'), 'the page ends with a line break');
  const types = new Map<string, string>();
  const closed = new Set<string>();
  const seen = new Set<string>();
  const samples: Sample[] = [];
  let family = '';
  for (const line of page.split('\n')) {
    if (line === '') {
      continue;
    }
    const meta = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (meta !== null) {
      const [, what, name = '', rest = ''] = meta;
      if (name !== family) {
        assert.ok(!closed.has(name), `${name} is in one piece`);
        closed.add(family);
        family = name;
      }
      if (what === 'TYPE') {
        assert.match(rest, /^(counter|gauge|histogram|summary|untyped)$/);
        assert.ok(!types.has(name), `${name} has one type`);
        types.set(name, rest);
      }
      continue;
    }
    const match = sampleLine.exec(line);
    assert.ok(match, `not a sample: ${line}`);
    const [, name = '', labelText = '', value = ''] = match;
    const suffixes = types.get(family) === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    assert.ok(
      suffixes.some((suffix) => name === family + suffix),
      `${name} stands under ${family}`,
    );
    const series = `${name}{${labelText}}`;
    assert.ok(!seen.has(series), `${series} stands once`);
    seen.add(series);
    samples.push({ name, labels: parseLabels(labelText), value: Number(value.replace('Inf', 'Infinity')) });
  }
  for (const [name, type] of types) {
    if (type === 'histogram') {
      checkHistogram(name, samples);
    }
  }
  return samples;
}

function parseLabels(text: string): Record<string, string> {
  const unescaped = { '\\\\': '\\', '\\n': '\n', '\\"': '"' };
  return Object.fromEntries(
    [...text.matchAll(/([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [
      name,
      value.replace(/\\[\\n"]/g, (escape) => unescaped[escape as keyof typeof unescaped]),
    ]),
  );
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const last = new Map<string, number>();
  for (const sample of samples.filter((one) => one.name === `${name}_bucket`)) {
    const { le, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    assert.ok(sample.value >= (last.get(key) ?? 0), `${name} is cumulative`);
    last.set(key, sample.value);
    if (le === '+Inf') {
      assert.equal(valueOf(samples, `${name}_count`, labels), sample.value);
    }
  }
}

/** The value of the one sample with this name and at least these labels. */
export function valueOf(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const found = samples.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  assert.equal(found.length, 1, `one ${name} ${JSON.stringify(labels)}, not ${found.length}`);
  return found[0]?.value ?? Number.NaN;
}
