// Writes the generated files of deploy/monitoring: the dashboard (from scripts/monitoring/) and the rules in the form of
// the Prometheus Operator (from rules.yaml): `node scripts/monitoring.ts`; with `--check` it only says whether they
// are current.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { dashboard } from './monitoring/dashboard.ts';

const folder = join(import.meta.dirname, '../deploy/monitoring');

/** Rules for the Operator are the same lines, two columns to the right, below a head. */
function prometheusRule(rules: string): string {
  const head = [
    '# Generated from rules.yaml: node scripts/monitoring.ts',
    'apiVersion: monitoring.coreos.com/v1',
    'kind: PrometheusRule',
    'metadata:',
    '  name: cloud-native-gateway',
    'spec:',
  ];
  const lines = rules.slice(rules.indexOf('groups:')).trimEnd().split('\n');
  return `${[...head, ...lines.map((line) => (line === '' ? '' : `  ${line}`))].join('\n')}\n`;
}

const { values: options } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const files: Readonly<Record<string, string>> = {
  'dashboard.json': `${JSON.stringify(dashboard(), null, 2)}\n`,
  'prometheus-rules.yaml': prometheusRule(await readFile(join(folder, 'rules.yaml'), 'utf8')),
};
const stale: string[] = [];
for (const [file, wanted] of Object.entries(files)) {
  const path = join(folder, file);
  // A file that is missing is as stale as one that differs.
  const current = await readFile(path, 'utf8').catch(() => null);
  if (current === wanted) {
    continue;
  }
  stale.push(file);
  if (!options.check) {
    await writeFile(path, wanted);
  }
}
if (options.check && stale.length > 0) {
  process.stderr.write(`stale in deploy/monitoring: ${stale.join(', ')}; run: node scripts/monitoring.ts\n`);
  process.exitCode = 1;
}
