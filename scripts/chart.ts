// Writes the generated files of the Helm chart (values.yaml, values.schema.json, the table in deploy/helm/README.md):
// `node scripts/chart.ts`; with `--check` it only says whether they are current. With `--folder PATH` it works on
// another copy of deploy/helm.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { dump } from 'js-yaml';
import type { JsonSchema } from '../src/config/json-schema.ts';
import { type ChartEntry, chartValues } from './chart-values.ts';
import { bringUpToDate } from './generated-files.ts';

type Entries = Readonly<Record<string, ChartEntry>>;

const commentWidth = 110;
const begin = '<!-- generated: values -->';
const end = '<!-- end: values -->';

function schemaOf(entry: ChartEntry): JsonSchema {
  if ('entries' in entry) {
    return { description: entry.description, ...groupSchema(entry.entries) };
  }
  const { description, fallback, schema } = entry;
  return { ...schema, description, default: fallback };
}

function groupSchema(entries: Entries): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    // Helm takes out what is set to null; the templates count on every value.
    required: Object.keys(entries),
    properties: Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, schemaOf(entry)])),
  };
}

function valuesSchema(): string {
  const { properties, ...schema } = groupSchema(chartValues);
  const text = JSON.stringify(
    {
      $schema: 'http://json-schema.org/draft-07/schema#',
      title: 'Values of the chart cloud-native-gateway',
      ...schema,
      properties: {
        ...(properties as Record<string, JsonSchema>),
        // What Helm hands to a chart that is part of another one.
        global: { type: 'object', description: 'Values shared by all charts of a parent chart. Not used.' },
        enabled: { type: 'boolean', description: "For the parent chart's condition. Not used." },
      },
    },
    null,
    2,
  );
  return `${text}\n`;
}

function valuesYaml(): string {
  const head = ['# Generated from scripts/chart-values.ts: node scripts/chart.ts', ''];
  const blocks = Object.entries(chartValues).map(([name, entry]) => yamlLines(name, entry, ''));
  return [...head, blocks.map((lines) => lines.join('\n')).join('\n\n'), ''].join('\n');
}

function yamlLines(name: string, entry: ChartEntry, indent: string): string[] {
  const comment = wrap(entry.description, commentWidth - indent.length).map((line) => `${indent}# ${line}`);
  if ('entries' in entry) {
    const inner = Object.entries(entry.entries).flatMap(([key, child]) =>
      yamlLines(key, child, `${indent}  `),
    );
    return [...comment, `${indent}${name}:`, ...inner];
  }
  const text = dump({ [name]: entry.fallback }, { lineWidth: -1, quoteStyle: 'single' });
  return [
    ...comment,
    ...text
      .trimEnd()
      .split('\n')
      .map((line) => `${indent}${line}`),
  ];
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function valuesTable(): string {
  const rows = tableRows(chartValues, '').map((cells) => `| ${cells.map(cell).join(' | ')} |`);
  return ['| Value | Default | Effect |', '| --- | --- | --- |', ...rows].join('\n');
}

function tableRows(entries: Entries, prefix: string): string[][] {
  return Object.entries(entries).flatMap(([name, entry]) => {
    const dotted = `${prefix}${name}`;
    return 'entries' in entry
      ? [[`**${dotted}**`, '', entry.description], ...tableRows(entry.entries, `${dotted}.`)]
      : [[`\`${dotted}\``, `\`${JSON.stringify(entry.fallback)}\``, entry.description]];
  });
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function readmeWithTable(before: string): string {
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) {
    throw new Error(`README.md has no part between "${begin}" and "${end}": put the two comments back`);
  }
  return `${before.slice(0, from + begin.length)}\n\n${valuesTable()}\n\n${before.slice(to)}`;
}

const { values: options } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    folder: { type: 'string', default: join(import.meta.dirname, '../deploy/helm') },
  },
});
const readme = await readFile(join(options.folder, 'README.md'), 'utf8');
const files: Readonly<Record<string, string>> = {
  'cloud-native-gateway/values.yaml': valuesYaml(),
  'cloud-native-gateway/values.schema.json': valuesSchema(),
  'README.md': readmeWithTable(readme),
};
await bringUpToDate(
  { folder: options.folder, shown: 'deploy/helm', command: 'node scripts/chart.ts' },
  files,
  options.check,
);
