import type { Context } from 'hono';
import type { ObjectKey } from '../../model/object-ref.ts';
import { readNumber, readQuery } from '../debug-query.ts';
import { redactText } from '../../model/redact.ts';
import { isRefusal, type Refusal } from '../http-server-app.ts';
import { stages, type GenerationInfo } from '../view.ts';
import { objectHref } from './code.ts';
import { linkTo, readFormat } from './format.ts';
import type { DebugTools } from './tools.ts';
import { durationWords, momentOf, type Moment } from './words.ts';

/** Objects that one generation lists by name; one relist may change ten thousand. */
const maxListedObjects = 100;

/** Names that a row of the table has room for. */
const shownNames = 3;

/** Width of the drawing of a pass that took as long as the longest one shown. */
const barWidth = 160;

/** One attempt, as the partial `generations-table` prints it. */
export interface GenerationRow {
  readonly number: number;
  readonly generation: string;
  readonly moment: Moment;
  readonly outcome: GenerationInfo['outcome'];
  readonly message: string | null;
  readonly reasons: string;
  readonly changed: NameList;
  readonly quarantined: NameList;
  readonly took: string;
  readonly bar: readonly StageBar[];
  /** The same in words: `test 12 ms, verify 260 ms`. */
  readonly stageWords: string;
  readonly barWidth: number;
  readonly textKept: boolean;
  readonly configHref: string;
  /** Null where there is no earlier text to compare with. */
  readonly diffHref: string | null;
}

interface StageBar {
  readonly stage: string;
  readonly x: number;
  readonly width: number;
}

interface NameList {
  readonly names: readonly { readonly object: ObjectKey; readonly href: string }[];
  readonly more: number;
}

/** Rows for attempts, newest first; `all` is what they are compared with. `now` in milliseconds since the epoch. */
export function generationRows(
  shown: readonly GenerationInfo[],
  all: readonly GenerationInfo[],
  now: number,
): GenerationRow[] {
  const longest = Math.max(...shown.map(totalSeconds), 0.001);
  return shown.map((info) => {
    const earlier = all.find(({ number, textKept }) => textKept && number < info.number);
    return {
      number: info.number,
      generation: info.generation,
      moment: momentOf(info.at, now),
      outcome: info.outcome,
      message: info.message === null ? null : redactText(info.message),
      reasons: info.reasons.join(', '),
      changed: nameList(info.objectsChanged),
      quarantined: nameList(info.quarantined),
      took: durationWords(totalSeconds(info)),
      bar: barOf(info, longest),
      stageWords: stages
        .flatMap((stage) => {
          const seconds = info.seconds[stage];
          return seconds === undefined ? [] : [`${stage} ${durationWords(seconds)}`];
        })
        .join(', '),
      barWidth,
      textKept: info.textKept,
      configHref: linkTo('/debug/config', { generation: info.number }),
      diffHref:
        info.textKept && earlier !== undefined
          ? linkTo('/debug/diff', { from: earlier.number, to: info.number })
          : null,
    };
  });
}

function totalSeconds({ seconds }: GenerationInfo): number {
  return Object.values(seconds).reduce((sum, one) => sum + one, 0);
}

function nameList(objects: readonly ObjectKey[]): NameList {
  return {
    names: objects.slice(0, shownNames).map((object) => ({ object, href: objectHref(object) })),
    more: Math.max(objects.length - shownNames, 0),
  };
}

function barOf({ seconds }: GenerationInfo, longest: number): StageBar[] {
  let x = 0;
  return stages.flatMap((stage) => {
    const width = ((seconds[stage] ?? 0) / longest) * barWidth;
    const bar = { stage, x: Math.round(x * 10) / 10, width: Math.round(width * 10) / 10 };
    x += width;
    return bar.width === 0 ? [] : [bar];
  });
}

/** `/debug/generations`: the attempts, newest first, and a form to compare two of them. */
export async function showGenerations(
  context: Context,
  { view, pages, json }: DebugTools,
): Promise<Response | Refusal> {
  const query = readQuery(context, ['limit']);
  const format = readFormat(context, 'json');
  if (isRefusal(query)) {
    return query;
  }
  const limit = readNumber(query, 'limit');
  if (isRefusal(limit) || isRefusal(format)) {
    return isRefusal(limit) ? limit : (format as Refusal);
  }
  const all = view.generations();
  const shown = all.slice(0, limit ?? undefined);
  if (format !== 'html') {
    return json(context, shown.map(generationJson));
  }
  const kept = all.filter(({ textKept }) => textKept).map(({ number }) => number);
  return pages.show(
    context,
    'generations',
    {
      title: 'Generations',
      section: '/debug/generations',
      jsonHref: '/debug/generations?format=json',
      textHref: null,
    },
    {
      rows: generationRows(shown, all, Date.now()),
      total: all.length,
      hasFailed: view.failed() !== null,
      ...diffForm(kept, kept[1] ?? null, kept[0] ?? null),
    },
  );
}

/** What the form for a difference needs. */
export function diffForm(
  kept: readonly number[],
  from: number | null,
  to: number | null,
): { readonly canDiff: boolean; readonly fromChoices: object[]; readonly toChoices: object[] } {
  function choices(chosen: number | null): object[] {
    return kept.map((number) => ({ number, isChosen: number === chosen }));
  }
  return { canDiff: kept.length > 1, fromChoices: choices(from), toChoices: choices(to) };
}

function generationJson(info: GenerationInfo): Record<string, unknown> {
  return {
    number: info.number,
    generation: info.generation,
    at: new Date(info.at).toISOString(),
    reasons: info.reasons,
    seconds: info.seconds,
    outcome: info.outcome,
    message: info.message,
    objectsChanged: info.objectsChanged.slice(0, maxListedObjects),
    objectsChangedTotal: info.objectsChanged.length,
    quarantined: info.quarantined.slice(0, maxListedObjects),
    quarantinedTotal: info.quarantined.length,
    textKept: info.textKept,
  };
}
