import { flag } from '../model/grammar.ts';
import type { Parsed } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { notYetRows, type NotYetRow } from './not-yet-rows.ts';
import { annotation, definePlugin, type AnnotationSpec, type AnnotationTable } from './plugin.ts';

const rows: ReadonlyMap<string, NotYetRow> = new Map(notYetRows.map((row) => [row.name, row]));

/**
 * Knows the annotations that are not built yet, so that none is lost in silence: a protection closes its routes, a
 * canary takes no traffic, a snippet refuses its Ingress (by its risk), the rest is told to have no effect.
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

/** Keeps canary Ingresses out of routing: as ordinary ones they would take the traffic of what they are a canary of. */
export const canary = definePlugin({
  name: 'canary',
  order: 0,
  annotations: {
    canary: annotation({
      ...flag,
      default: false,
      scope: 'ingress',
      description: 'Marks the Ingress as the canary of another one with the same host and path.',
    }),
  },
  ingress({ settings, field }) {
    if (!settings.canary) {
      return {};
    }
    const message =
      'canaries are not supported yet: all requests stay with the Ingress that it is a canary of';
    return { withdraw: [{ field: field('canary') ?? '', message }] };
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
