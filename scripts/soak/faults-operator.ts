import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { nothingToUndo, type Fault } from './fault.ts';
import { answerTemplate, markPlugin, putFile } from './world.ts';

const builtin = path.resolve(import.meta.dirname, '../../templates');
const frame = 'nginx.conf.hbs';
const template = 'answer.hbs';
const plugin = 'mark.plugin.js';

/** A route hook with this body. */
function hook(body: string): string {
  return `export function plugin(api) {\n  return { route(route) { ${body} } };\n}\n`;
}

/** Printed for each server, for each server, and so on: nothing that ends. */
const endless =
  Array.from(
    { length: 9 },
    (_, pair) => `{{#each ${'../'.repeat(2 * pair)}servers}}{{#each locations}}`,
  ).join('') +
  '{{#if action.proxy}}{{/if}}' +
  '{{/each}}{{/each}}'.repeat(9);

const brokenTemplates = [
  '{{#if status}}\n',
  '{{shout status}}\n',
  '{{> nowhere}}\n',
  '{{{status}}}\n',
  '{{status.constructor}}\n',
  '{{> answer}}\n',
  'retrun 404;\n',
  'return 404;\n}}}}\n',
];

const brokenPlugins = [
  'const b = = 2;\n',
  'throw new Error("no");\n',
  hook('throw new Error("oh");'),
  hook('return { responseHeaders: [{ name: "X", value: "y; } evil" }] };'),
  hook('for (;;) {}'),
  hook('process.exit(0);'),
  hook('Array.prototype.flatMap = () => []; return {};'),
  'export async function plugin() { return {}; }\n',
];

/** What an operator adds, and how it can be wrong. */
export const operatorFaults: readonly Fault[] = [
  {
    name: 'a template changes',
    groups: ['template'],
    async inject({ random, templates }) {
      await putFile(templates, template, answerTemplate(`mark-${random.below(1000)}`));
      return nothingToUndo;
    },
  },
  {
    name: 'a template is removed, and comes back',
    groups: ['template'],
    lastsMs: [500, 2000],
    async inject({ templates }) {
      await rm(path.join(templates, template), { force: true });
      return async () => await putFile(templates, template, answerTemplate('again'));
    },
  },
  {
    name: 'a template is broken',
    groups: ['template'],
    lastsMs: [500, 3000],
    async inject({ random, templates }) {
      await putFile(templates, template, random.pick(brokenTemplates));
      return async () => await putFile(templates, template, answerTemplate('mended'));
    },
  },
  {
    name: 'a template has no end',
    groups: ['template', 'slow'],
    lastsMs: [2000, 5000],
    async inject({ templates }) {
      await putFile(templates, frame, `${await readFile(path.join(builtin, frame), 'utf8')}${endless}`);
      return async () => await rm(path.join(templates, frame));
    },
  },
  {
    name: 'a plugin changes',
    groups: ['plugin'],
    async inject({ random, plugins }) {
      await putFile(plugins, plugin, markPlugin(`mark-${random.below(1000)}`));
      return nothingToUndo;
    },
  },
  {
    name: 'a plugin is broken, throws, loops or exits',
    groups: ['plugin'],
    lastsMs: [500, 3000],
    async inject({ random, plugins }) {
      await putFile(plugins, plugin, random.pick(brokenPlugins));
      return async () => await putFile(plugins, plugin, markPlugin('mended'));
    },
  },
];
