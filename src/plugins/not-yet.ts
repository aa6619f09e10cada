import type { Parsed } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { notYetRows, type NotYetRow } from './not-yet-rows.ts';
import { annotation, definePlugin, type AnnotationSpec, type AnnotationTable } from './plugin.ts';

const rows: ReadonlyMap<string, NotYetRow> = new Map(notYetRows.map((row) => [row.name, row]));

/**
 * Knows the annotations that are not built yet, so that none is lost in silence: a protection closes its routes, a
 * snippet refuses its Ingress (by its risk), the rest is told to have no effect.
 */
export const notYet = definePlugin({
  name: 'not-yet',
  order: 0,
  annotations: notYetTable(),
  ingress({ settings, given, field }) {
    const deny: Reason[] = [];
    const differences: Reason[] = [];
    for (const name of given) {
      const row = rows.get(name);
      const text = settings[name];
      if (typeof text !== 'string' || row?.neutral?.includes(text.toLowerCase()) === true) {
        continue;
      }
      const set = field(name) ?? '';
      if (row?.closes === true) {
        const message = `${name} is not supported yet: the routes answer 503 rather than go unprotected`;
        deny.push({ field: set, message });
      } else {
        differences.push({ field: set, message: `not supported yet: ${name} has no effect` });
      }
    }
    return { deny, differences };
  },
});

function notYetTable(): AnnotationTable {
  return Object.fromEntries(notYetRows.map((row) => [row.name, specOf(row)]));
}

function specOf(row: NotYetRow): AnnotationSpec {
  return annotation<string | null>({
    aliases: row.alias === undefined ? [] : [row.alias],
    parse: trimmed,
    default: null,
    risk: row.risk ?? 'Low',
    scope: row.scope ?? 'location',
    protective: row.closes === true || row.loosens === true,
    description: 'Not supported yet.',
  });
}

function trimmed(text: string): Parsed<string> {
  return { value: text.trim() };
}
