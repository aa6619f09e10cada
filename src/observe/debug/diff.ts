import type { Context } from 'hono';
import { originsOfLine, type SourceMap } from '../../model/candidate.ts';
import type { ObjectKey } from '../../model/object-ref.ts';
import { findConfig } from '../debug-config.ts';
import { readNumber, readObject, readQuery } from '../debug-query.ts';
import { countLines, linesOf } from '../debug-text.ts';
import { isRefusal, type Refusal } from '../http-server-app.ts';
import type { ControllerView } from '../view.ts';
import { objectHref } from './code.ts';
import { linkTo, readFormat, withParameters } from './format.ts';
import { diffForm } from './generations.ts';
import { diffLines, unifiedDiff, type DiffHunk, type LineDiff } from './line-diff.ts';
import type { DebugTools } from './tools.ts';
import { countWords } from './words.ts';

/** Lines of a difference that a page has. */
const shownLines = 2000;

/** A difference as the partial `diff-lines` prints it. */
export interface DiffView {
  readonly added: string;
  readonly removed: string;
  readonly isSame: boolean;
  readonly isCoarse: boolean;
  readonly hunks: readonly object[];
  /** Hunks that are left out. */
  readonly left: number;
}

/** `/debug/diff`: what differs between two kept generations, in all or in what came from one object. */
export async function showDiff(
  context: Context,
  { view, pages, json, text }: DebugTools,
): Promise<Response | Refusal> {
  const query = readQuery(context, ['from', 'to', 'object']);
  const format = readFormat(context, 'text');
  if (isRefusal(query)) {
    return query;
  }
  const given = new Map([...query].filter(([, value]) => value !== ''));
  const asked = { from: readNumber(given, 'from'), to: readNumber(given, 'to') };
  const object = readObject(given);
  if (isRefusal(asked.from) || isRefusal(asked.to)) {
    return isRefusal(asked.from) ? asked.from : (asked.to as Refusal);
  }
  if (isRefusal(object) || isRefusal(format)) {
    return isRefusal(object) ? object : (format as Refusal);
  }
  const kept = view
    .generations()
    .filter(({ textKept }) => textKept)
    .map(({ number }) => number);
  const to = asked.to ?? view.live()?.number ?? kept[0] ?? null;
  const from = asked.from ?? kept.find((number) => number < (to ?? 0)) ?? null;
  if (from === null || to === null) {
    return { refused: 404, message: 'there are no two kept generations to compare yet' };
  }
  const before = await findPart(view, from, object);
  const after = await findPart(view, to, object);
  if (isRefusal(before) || isRefusal(after)) {
    return isRefusal(before) ? before : (after as Refusal);
  }
  const diff = diffLines(before.text, after.text);
  if (format === 'text') {
    return text(context, unifiedDiff(diff, [`generation ${from}`, `generation ${to}`]));
  }
  if (format === 'json') {
    return json(context, { from, to, object, ...diff });
  }
  // The lines of one object alone have other numbers than those of the maps.
  const [fromMap, toMap] =
    object === null ? [await view.sourceMap(from), await view.sourceMap(to)] : [null, null];
  return pages.show(
    context,
    'diff',
    {
      title: `What changed from ${from} to ${to}`,
      section: '/debug/generations',
      jsonHref: withParameters(context, { format: 'json' }),
      textHref: withParameters(context, { format: 'text' }),
    },
    {
      from,
      to,
      object,
      objectText: object ?? '',
      objectHref: object === null ? '' : objectHref(object),
      swapHref: linkTo('/debug/diff', { from: to, to: from, object }),
      diff: diffView(diff, {
        before: (number) => originOf(fromMap, number),
        after: (number) => originOf(toMap, number),
      }),
      ...diffForm(kept, from, to),
    },
  );
}

/** Whose a line of the earlier and of the later text is. */
export interface LineOwners {
  readonly before: (line: number) => ObjectKey | null;
  readonly after: (line: number) => ObjectKey | null;
}

/** A difference in the form for pages; without owners the lines are nobody's. */
export function diffView({ hunks, added, removed, isCoarse }: LineDiff, owners: LineOwners | null): DiffView {
  const shown: object[] = [];
  let lines = 0;
  for (const hunk of hunks) {
    lines += hunk.lines.length;
    if (lines > shownLines && shown.length > 0) {
      break;
    }
    shown.push(hunkView(hunk, owners));
  }
  return {
    added: countWords(added),
    removed: countWords(removed),
    isSame: hunks.length === 0,
    isCoarse,
    hunks: shown,
    left: hunks.length - shown.length,
  };
}

function hunkView({ lines }: DiffHunk, owners: LineOwners | null): object {
  // The neighbours of lines that are gone may be of anybody: only the earlier text knows whose those were.
  const changed = lines.find(({ sign }) => sign === '+') ?? lines.find(({ sign }) => sign === '-');
  const number = changed?.after ?? changed?.before ?? null;
  const isGone = changed?.sign === '-';
  const object = number === null ? null : (owners?.[isGone ? 'before' : 'after'](number) ?? null);
  return {
    place: number === null ? '' : `${isGone ? 'former ' : ''}line ${number}`,
    object,
    objectHref: object === null ? '' : objectHref(object),
    lines: lines.slice(0, shownLines).map(({ sign, before, after, text }) => ({
      sign,
      kind: { ' ': 'same', '+': 'added', '-': 'removed' }[sign],
      before: before ?? '',
      after: after ?? '',
      text,
    })),
  };
}

function originOf(map: SourceMap | null, line: number): ObjectKey | null {
  return map === null ? null : (originsOfLine(map, line)[0] ?? null);
}

/** The text of a generation, or those of its lines that came from an object; none is an empty text. */
async function findPart(
  view: ControllerView,
  number: number,
  object: ObjectKey | null,
): Promise<{ readonly text: string } | Refusal> {
  const found = await findConfig(view, number);
  if (isRefusal(found) || object === null) {
    return found;
  }
  const map = (await view.sourceMap(number)) ?? { ranges: [] };
  const chosen = linesOf(map, object, countLines(found.text));
  const lines = found.text.split('\n').filter((_, index) => chosen?.[index] === 1);
  return { text: lines.map((line) => `${line}\n`).join('') };
}
