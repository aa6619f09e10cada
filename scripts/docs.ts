// Writes the generated parts of docs/ and deploy/policy: `node scripts/docs.ts`; with `--check` it only says whether they
// are current.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { internalVariables } from '../src/config/environment.ts';
import { ingressNginxFlags } from '../src/config/ingress-nginx-flags.ts';
import { allKeys, type LocatedKey, sections } from '../src/config/sections.ts';
import { type ErrorDefinition, errorTable } from '../src/errors.ts';
import { notSupported } from '../src/options/not-supported.ts';
import type { OptionSpec } from '../src/options/option.ts';
import { optionGroups } from '../src/options/options.ts';
import { viewFields } from '../src/render/view-fields.ts';
import { annotationSections } from './docs-annotations.ts';
import { countSection } from './docs-counts.ts';
import { allMetrics } from './docs-metrics.ts';
import { defaultPolicies } from './docs-policy.ts';
import { plainText } from './docs-values.ts';

interface GeneratedPart {
  /** Relative to the repository. */
  readonly file: string;
  /** Stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->`. */
  readonly name: string;
  readonly text: string;
}

const root = new URL('../', import.meta.url);
const compatibility = await readFile(new URL('docs/compatibility.md', root), 'utf8');

const keyHeader = ['Key', 'Type', 'Default', 'Effect', 'Allowed', 'Environment', 'Implemented'];

const parts: readonly GeneratedPart[] = [
  { file: 'docs/configuration.md', name: 'keys', text: keyTables() },
  { file: 'docs/configuration.md', name: 'internal variables', text: internalTable() },
  { file: 'docs/configuration.md', name: 'flags', text: flagTable() },
  { file: 'docs/annotations.md', name: 'annotations', text: annotationSections(compatibility) },
  { file: 'docs/compatibility.md', name: 'count', text: countSection() },
  { file: 'docs/options.md', name: 'options', text: optionTables() },
  { file: 'docs/options.md', name: 'options without effect', text: withoutEffectTable() },
  { file: 'docs/templates.md', name: 'fields', text: fieldTables() },
  { file: 'docs/errors.md', name: 'errors', text: errorSections() },
  { file: 'docs/metrics.md', name: 'metrics', text: metricTable() },
];

function keyTables(): string {
  return Object.entries(sections)
    .map(([name, { description }]) => {
      const keys = allKeys.filter(({ section }) => section === name);
      return [`## ${name}`, description, table(keyHeader, keys.map(keyRow))].join('\n\n');
    })
    .join('\n\n');
}

function keyRow({ dotted, variable, definition }: LocatedKey): string[] {
  const { kind, fallback, effect, notYet } = definition;
  return [
    `\`${dotted}\``,
    kind.type,
    `\`${JSON.stringify(fallback)}\``,
    effect,
    kind.allowed,
    `\`${variable}\``,
    notYet ? 'not yet' : 'yes',
  ];
}

function internalTable(): string {
  const rows = [...internalVariables].map(([name, use]) => [`\`${name}\``, use]);
  return table(['Variable', 'Use'], rows);
}

function flagTable(): string {
  const rows = Object.entries(ingressNginxFlags).map(([flag, replacement]) => [
    `\`--${flag}\``,
    'key' in replacement ? `\`${replacement.key}\`` : `none: ${replacement.reason}`,
  ]);
  return table(['Flag of ingress-nginx', 'Here'], rows);
}

function errorSections(): string {
  return Object.entries(errorTable)
    .map(([code, definition]: [string, ErrorDefinition]) =>
      [
        `## ${code}`,
        `> ${definition.message.replaceAll(/\{(\w+)\}/gu, '_$1_')}`,
        [
          `- When: ${definition.when}`,
          `- What to do: ${definition.remedy}`,
          `- Exit code, where it ends the program: ${definition.exitCode}`,
        ].join('\n'),
      ].join('\n\n'),
    )
    .join('\n\n');
}

function optionTables(): string {
  return Object.entries(optionGroups)
    .map(([name, group]) => {
      const rows = Object.entries(group as Readonly<Record<string, OptionSpec>>).map(([key, spec]) => [
        `\`${key}\``,
        spec.type.allowed,
        defaultText(spec.default),
        spec.description,
      ]);
      const title = `## ${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
      return [title, table(['Key', 'Value', 'Default', 'Effect'], rows)].join('\n\n');
    })
    .join('\n\n');
}

/** A default as it would be written in the ConfigMap; empty where there is no value for it. */
function defaultText(value: unknown): string {
  const text = plainText(value);
  return text === '' ? '' : `\`${text}\``;
}

function metricTable(): string {
  const rows = allMetrics().map(({ name, type, labels, help }) => [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(', '),
    help,
  ]);
  return table(['Metric', 'Type', 'Labels', 'What it is'], rows);
}

function withoutEffectTable(): string {
  return table(
    ['Key', 'Why'],
    [...notSupported].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, reason]) => [`\`${key}\``, reason]),
  );
}

function fieldTables(): string {
  return Object.entries(viewFields)
    .map(([context, { partials, fields }]) => {
      const rows = Object.entries(fields).map(([name, what]) => [`\`${name}\``, what]);
      return [`### ${context}`, `Partials: ${partials}.`, table(['Field', 'What it is'], rows)].join('\n\n');
    })
    .join('\n\n');
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, header.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function replacePart(text: string, part: GeneratedPart): string {
  const [begin, end] = [`<!-- generated: ${part.name} -->`, `<!-- end: ${part.name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) {
    throw new Error(`${part.file} has no part between "${begin}" and "${end}": put the two comments back`);
  }
  return `${text.slice(0, from + begin.length)}\n\n${part.text}\n\n${text.slice(to)}`;
}

const check = process.argv.includes('--check');
const stale: string[] = [];

/** Compares with what is there, and writes it unless that is only asked for. */
async function bring(file: string, text: string): Promise<void> {
  const path = fileURLToPath(new URL(file, root));
  const before = await readFile(path, 'utf8').catch(() => '');
  const after = await format(text, { ...(await resolveConfig(path)), filepath: path });
  if (after !== before && check) {
    stale.push(file);
  } else if (after !== before) {
    await writeFile(path, after);
  }
}

for (const file of new Set(parts.map((part) => part.file))) {
  let joined = await readFile(new URL(file, root), 'utf8');
  for (const part of parts.filter((candidate) => candidate.file === file)) {
    joined = replacePart(joined, part);
  }
  await bring(file, joined);
}
await bring('deploy/policy/policy.yaml', await defaultPolicies());
if (stale.length > 0) {
  process.stderr.write(`stale: ${stale.join(', ')}; run: node scripts/docs.ts\n`);
  process.exitCode = 1;
}
