import { declaredBy, hasDrifted, templateContract, templateHash } from '../render/contract.ts';
import type { TemplateSource } from '../render/template-check.ts';
import type { Ledger } from './ledger.ts';
import { troubleText, type Trouble, type Unit } from './unit.ts';

/** What `/debug/template` says. */
export interface TemplateReport {
  readonly contract: number;
  readonly extensions: readonly {
    readonly id: string;
    readonly from: string;
    /** `present`, `previous` (the present form was refused), `none`, `on trial`. */
    readonly inForce: string;
    readonly trouble: Trouble | null;
  }[];
  /** What could not even be tried. */
  readonly troubles: readonly Trouble[];
  readonly templates: readonly TemplateLineOfReport[];
}

interface TemplateLineOfReport {
  readonly name: string;
  readonly from: string;
  /** For `made for:` in the first line of a template that is made from this one. */
  readonly hash: string;
  /** The hash of the built-in template that it takes the place of; null where it takes none. */
  readonly replaces: string | null;
  /** As it declares; null of built-in ones and where it declares none. */
  readonly contract: number | null;
  /** Whether the built-in one has changed since; null where nobody can say. */
  readonly drifted: boolean | null;
}

/** The templates that are in force: built-in ones, and those that take their place. */
export function templatesInForce(
  builtin: readonly TemplateSource[],
  ledger: Ledger,
): Map<string, TemplateSource> {
  const { units, onTrial } = ledger.choose();
  const sources = new Map(builtin.map((source) => [source.name, source]));
  for (const unit of units.filter((each) => !onTrial.includes(each))) {
    for (const source of unit.templates) {
      sources.set(source.name, source);
    }
  }
  return sources;
}

export function reportTemplates(builtin: readonly TemplateSource[], ledger: Ledger): TemplateReport {
  const ours = new Map(builtin.map((source) => [source.name, source]));
  return {
    contract: templateContract,
    extensions: ledger.status().map(({ unit: { id, from }, inForce, trouble }) => ({
      id,
      from,
      inForce,
      trouble,
    })),
    troubles: ledger.troubles(),
    templates: [...templatesInForce(builtin, ledger).values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((source) => {
        const replaced = ours.get(source.name);
        const isBuiltin = replaced === source;
        return {
          name: source.name,
          from: source.from,
          hash: templateHash(source.text),
          replaces: isBuiltin || replaced === undefined ? null : templateHash(replaced.text),
          contract: isBuiltin ? null : declaredBy(source.text).contract,
          drifted: isBuiltin ? null : hasDrifted(source, replaced),
        };
      }),
  };
}

/** The same for people. */
export function reportText({ contract, extensions, troubles, templates }: TemplateReport): string {
  const lines = [`template contract ${contract}`, ''];
  for (const { id, inForce, trouble } of extensions) {
    lines.push(
      `${inForce.padEnd(9)} ${id}${trouble === null ? '' : `\n          refused: ${troubleText(trouble)}`}`,
    );
  }
  for (const trouble of troubles) {
    lines.push(`unusable  ${troubleText(trouble)}`);
  }
  lines.push(...(extensions.length + troubles.length > 0 ? [''] : []));
  for (const { name, from, hash, replaces, drifted } of templates) {
    const notes = [
      ...(replaces === null ? [] : [`instead of the built-in ${replaces}`]),
      ...(drifted === true ? ['made for another built-in one: compare them'] : []),
    ];
    lines.push(`${hash}  ${name.padEnd(34)} ${[from, ...notes].join('; ')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Templates of these units that were made for built-in ones which have changed since. */
export function driftsOf(builtin: readonly TemplateSource[], units: readonly Unit[]): TemplateSource[] {
  const ours = new Map(builtin.map((source) => [source.name, source]));
  return units.flatMap(({ templates }) =>
    templates.filter((source) => hasDrifted(source, ours.get(source.name)) === true),
  );
}
