import type { Context } from 'hono';
import { objectKey, parseObjectKey } from '../model/object-ref.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { SourceMap } from '../model/candidate.ts';
import { readLines, readNumber, readObject, readQuery } from './debug-query.ts';
import { redactText } from '../model/redact.ts';
import { textPieces } from './debug-stream.ts';
import { comment, countLines, linesOf, numberedLines } from './debug-text.ts';
import type { LineRange } from './debug-text.ts';
import { isRefusal } from './http-server-app.ts';
import type { Refusal } from './http-server-app.ts';
import type { ControllerView } from './view.ts';

/** Names that an answer about something unknown suggests. */
const maxSuggestions = 20;

/** The pieces of `/debug/config`: the very bytes that nginx read, or a numbered part of them. */
export async function showConfig(
  context: Context,
  view: ControllerView,
): Promise<Iterable<string> | Refusal> {
  const query = readQuery(context, ['generation', 'object', 'lines']);
  if (isRefusal(query)) {
    return query;
  }
  const asked = readNumber(query, 'generation');
  const object = readObject(query);
  const lines = readLines(query);
  if (isRefusal(asked)) {
    return asked;
  }
  if (isRefusal(object)) {
    return object;
  }
  if (isRefusal(lines)) {
    return lines;
  }
  const found = await findConfig(view, asked);
  if (isRefusal(found)) {
    return found;
  }
  const { number, text } = found;
  if (object === null && lines === null) {
    return textPieces(text);
  }
  const lineCount = countLines(text);
  const range = clip(lines, lineCount);
  if (isRefusal(range)) {
    return range;
  }
  const title = `generation ${number}, ${lineCount} lines`;
  if (object === null) {
    return joined(
      comment(`Lines ${range.first}-${range.last} of ${title}`),
      numberedLines(text, range, null, null),
    );
  }
  const map = (await view.sourceMap(number)) ?? { ranges: [] };
  const chosen = linesOf(map, object, lineCount);
  if (chosen === null) {
    return noLines(view, map, object, number);
  }
  const count = chosen.reduce((sum, one) => sum + one, 0);
  return joined(comment(`${object}: ${count} of ${title}`), numberedLines(text, range, chosen, null));
}

/** The text of a generation, redacted; by default of the live one. */
export async function findConfig(
  view: ControllerView,
  asked: number | null,
): Promise<{ readonly number: number; readonly text: string } | Refusal> {
  // Fixed once: the text and its map are fetched one after the other, and what is live may change in between.
  const number = asked ?? view.live()?.number;
  if (number === undefined) {
    return { refused: 404, message: `no generation is live yet: ${view.readiness().reason ?? 'starting'}` };
  }
  const full = await view.configText(number);
  return full === null ? unknownGeneration(view, number) : { number, text: redactText(full) };
}

/** The pieces of `/debug/config/failed`: what was said, who is blamed, and the text with the line marked. */
export function showFailed(context: Context, view: ControllerView): Iterable<string> | Refusal {
  const query = readQuery(context, ['lines']);
  if (isRefusal(query)) {
    return query;
  }
  const lines = readLines(query);
  if (isRefusal(lines)) {
    return lines;
  }
  const failed = view.failed();
  if (failed === null) {
    return { refused: 404, message: 'no configuration has failed since this process started' };
  }
  const text = redactText(failed.text);
  const range = clip(lines, countLines(text));
  if (isRefusal(range)) {
    return range;
  }
  const header = [
    `Refused at stage ${failed.stage}, ${new Date(failed.at).toISOString()}, generation ${failed.generation}; this text is not live`,
    redactText(failed.message),
    `Blamed: ${failed.objects.length === 0 ? 'no object' : failed.objects.join(', ')}`,
    failed.line === null ? 'The message names no line' : `Line ${failed.line} is marked with >>>`,
  ];
  return joined(header.map(comment).join(''), numberedLines(text, range, null, failed.line));
}

function* joined(header: string, pieces: Iterable<string>): Generator<string> {
  yield header;
  yield* pieces;
}

/** A range as far as a text of so many lines has it; all of it without one. */
export function clip(lines: LineRange | null, lineCount: number): LineRange | Refusal {
  if (lines === null) {
    return { first: 1, last: lineCount };
  }
  return lines.first > lineCount
    ? { refused: 404, message: `line ${lines.first} is beyond the end: the text has ${lineCount} lines` }
    : { first: lines.first, last: Math.min(lines.last, lineCount) };
}

function unknownGeneration(view: ControllerView, number: number): Refusal {
  const all = view.generations();
  const known = all.some((info) => info.number === number);
  return {
    refused: 404,
    message: known
      ? `the text of generation ${number} is not kept (any more)`
      : `there is no generation ${number}`,
    more: { generations: all.filter((info) => info.textKept).map((info) => info.number) },
  };
}

/** Why an object has no line: it is unknown (then what is there), or something became of it (then what). */
export function noLines(view: ControllerView, map: SourceMap, object: ObjectKey, number: number): Refusal {
  const verdicts = view.verdicts();
  const verdict = verdicts.find((one) => objectKey(one) === object);
  if (verdict !== undefined) {
    const { state, reasons } = verdict;
    return {
      refused: 404,
      message: `no line of generation ${number} came from ${object}`,
      more: { state, reasons },
    };
  }
  const kind = parseObjectKey(object)?.kind;
  const keys = new Set([...verdicts.map(objectKey), ...map.ranges.map((range) => range.object)]);
  const alike = [...keys].filter((key) => key.startsWith(`${kind}/`));
  return {
    refused: 404,
    message: `there is no object ${object}`,
    more: { objects: alike.slice(0, maxSuggestions), objectsTotal: alike.length },
  };
}
