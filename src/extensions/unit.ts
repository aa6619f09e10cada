import { createHash } from 'node:crypto';
import type { TemplateSource } from '../render/template-check.ts';

/** Where units come from; each source says all that it has whenever something in it changes. */
export type UnitSource = 'template folder' | 'template ConfigMap' | 'plugin directory';

/**
 * What an operator adds, in the portions in which it is tried and taken back: the templates of one folder or
 * ConfigMap, or one plugin with its partials.
 */
export interface Unit {
  /** `templates of <path>`, `plugin <name>`: stays the same from one version to the next. */
  readonly id: string;
  readonly source: UnitSource;
  /** A path, or the key of a ConfigMap. */
  readonly from: string;
  /** Differs where the content does. */
  readonly hash: string;
  readonly templates: readonly TemplateSource[];
  /** Null of templates alone. */
  readonly plugin: PluginText | null;
}

/** The code of one plugin. */
export interface PluginText {
  readonly name: string;
  /** For messages. */
  readonly from: string;
  /** Null where there are partials but no code. */
  readonly text: string | null;
}

/** Something that is wrong with what an operator added. */
export interface Trouble {
  /** A path, or a ConfigMap and its key; never empty. */
  readonly file: string;
  /** Counted from 1; null where it is about the whole. */
  readonly line: number | null;
  readonly message: string;
}

/** What a source has to say. */
export interface Offer {
  readonly units: readonly Unit[];
  /** What of it cannot even be tried. */
  readonly troubles: readonly Trouble[];
}

export const nothing: Offer = { units: [], troubles: [] };

/** Makes a unit and its hash. */
export function makeUnit(unit: Omit<Unit, 'hash'>): Unit {
  const content = [unit.templates.map(({ name, text }) => [name, text]), unit.plugin?.text];
  return { ...unit, hash: createHash('sha256').update(JSON.stringify(content)).digest('hex') };
}

/** A trouble in one line, for logs and pages. */
export function troubleText({ file, line, message }: Trouble): string {
  return `${file}${line === null ? '' : `:${line}`}: ${message}`;
}
