// Writes the generated files of deploy/monitoring: the dashboard (from scripts/monitoring/) and the rules in the form of
// the Prometheus Operator (from rules.yaml): `node scripts/monitoring.ts`; with `--check` it only says whether they
// are current.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bringUpToDate } from './generated-files.ts';
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
await bringUpToDate(
  { folder, shown: 'deploy/monitoring', command: 'node scripts/monitoring.ts' },
  files,
  options.check,
);
