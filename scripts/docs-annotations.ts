// The generated part of docs/annotations.md: every annotation of the registry, group by group.
import { isDeepStrictEqual } from 'node:util';
import { refused } from '../src/model/token.ts';
import { builtinPluginNames, builtinPlugins } from '../src/plugins/builtin.ts';
import { notYetRows } from '../src/plugins/not-yet-rows.ts';
import type { AnnotationSpec, OnInvalid, Plugin, Scope } from '../src/plugins/plugin.ts';
import { ownPrefix } from '../src/plugins/registry.ts';
import { picksAnnotation } from '../src/plugins/user/names.ts';
import { plainText } from './docs-values.ts';

const scopes: Readonly<Record<Scope, string>> = {
  location: 'the routes of its Ingress',
  server: 'the whole host',
  ingress: 'the Ingress as a whole, and what it shares with others (its Services)',
};

const badValues: Readonly<Record<OnInvalid, string>> = {
  default: 'the default is used, with a reason on the Ingress',
  deny: 'the routes answer 503 and the Ingress is `rejected`',
  reject: 'the Ingress is `rejected`: its routes answer 503',
};

/** `compatibility` is the text of docs/compatibility.md, from which the differences are taken. */
export function annotationSections(compatibility: string): string {
  const plugins = [...builtinPlugins().list()].filter(
    ({ annotations }) => Object.keys(annotations).length > 0,
  );
  return plugins
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((plugin) =>
      [
        `## ${titleOf(plugin)}`,
        ...Object.entries(plugin.annotations).map(([name, spec]) => sectionOf(name, spec, compatibility)),
      ].join('\n\n'),
    )
    .join('\n\n');
}

function titleOf({ name }: Plugin): string {
  if (name === 'not-yet') {
    return 'Not supported yet';
  }
  return builtinPluginNames.includes(name)
    ? `Plugin ${name}`
    : name.replaceAll('-', ' ').replace(/^./u, (first) => first.toUpperCase());
}

function sectionOf(name: string, spec: AnnotationSpec, compatibility: string): string {
  const { aliases, type, risk, scope, onInvalid, protective, description } = spec;
  const notYet = notYetRows.find((row) => row.name === name);
  const differences = differencesOf([name, ...aliases], compatibility);
  const facts = [
    aliases.length === 0 ? [] : [`Also called: ${aliases.map((alias) => `\`${alias}\``).join(', ')}`],
    notYet === undefined ? [`Value: ${type.name}. Write ${type.allowed}`, `Default: ${defaultOf(spec)}`] : [],
    [`Acts on: ${scopes[scope]}`, `Risk: ${risk}`],
    notYet === undefined && type.shape.kind !== 'any' ? [`A bad value: ${badValues[onInvalid]}`] : [],
    protective && notYet === undefined ? ['Protects: it never fails open'] : [],
    notYet?.closes === true ? ['The routes answer 503 while it is set'] : [],
    differences.length === 0 ? [] : [`Differs from ingress-nginx: ${differences.join(' ')}`],
    name === picksAnnotation
      ? [`Only under \`${ownPrefix}/\` in manifests that ingress-nginx reads as well`]
      : [],
  ].flat();
  return [`### ${name}`, description, facts.map((fact) => `- ${fact}`).join('\n')].join('\n\n');
}

function defaultOf({ default: fallback, option, parse, type }: AnnotationSpec): string {
  if (option !== undefined) {
    return `the option \`${option}\``;
  }
  const sample = type.samples.find((each) => {
    const parsed = parse(each);
    return !refused(parsed) && isDeepStrictEqual(parsed.value, fallback);
  });
  const text = sample ?? plainText(fallback).trim();
  return text === '' ? 'none' : `\`${text}\``;
}

/** The lines of the page on departures that name an annotation. */
function differencesOf(names: readonly string[], compatibility: string): string[] {
  let isFourParts = false;
  return compatibility.split('\n').flatMap((line) => {
    isFourParts = line.startsWith('## ') ? false : isFourParts || line.startsWith('In each line: what; ');
    if (!names.some((name) => line.includes(`\`${name}\``))) {
      return [];
    }
    const parts = line.replace(/^- /u, '').split('; ');
    if (isFourParts && line.startsWith('- ') && parts.length === 4) {
      const [about, theirs, ours, why] = parts;
      return [`${about}: here ${ours} (ingress-nginx: ${theirs}), because: ${why}`];
    }
    const cells = line.startsWith('|') ? line.split('|').map((cell) => cell.trim()) : [];
    const [, what = '', before = '', here = ''] = cells;
    if (cells.length > 0) {
      return [`${what}: here ${here} (ingress-nginx: ${before}).`];
    }
    return line.startsWith('- ') ? [line.slice(2)] : [];
  });
}
