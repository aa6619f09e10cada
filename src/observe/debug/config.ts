import type { Context } from 'hono';
import type { ObjectKey } from '../../model/object-ref.ts';
import { clip, findConfig, noLines, showConfig, showFailed } from '../debug-config.ts';
import { readLines, readNumber, readObject, readQuery, type Query } from '../debug-query.ts';
import { redactText } from '../../model/redact.ts';
import { countLines, linesOf, type LineRange } from '../debug-text.ts';
import { isRefusal, type Refusal } from '../http-server-app.ts';
import { codeLines, objectHref } from './code.ts';
import { linkTo, readFormat, withParameters } from './format.ts';
import type { Pager } from './pager.ts';
import type { DebugTools } from './tools.ts';
import { countWords, momentOf } from './words.ts';

/** What one page has: a browser lays out so many coloured lines at once without a pause. */
const linesPerPage = 1000;
const shownHits = 200;
/** Lines on each side of the one that was complained about. */
const linesAround = 25;

/** `/debug/config`: text as today for programs; for people in colours, in pages, each block with its object. */
export async function showConfigPage(context: Context, tools: DebugTools): Promise<Response | Refusal> {
  const format = readFormat(context, 'text');
  if (isRefusal(format)) {
    return format;
  }
  if (format === 'text') {
    const shown = await showConfig(context, tools.view);
    return isRefusal(shown) ? shown : tools.text(context, shown);
  }
  const { view, pages, json } = tools;
  const query = readQuery(context, ['generation', 'object', 'lines', 'line', 'page', 'q']);
  if (isRefusal(query)) {
    return query;
  }
  const generation = readNumber(query, 'generation');
  const object = readObject(query);
  if (isRefusal(generation) || isRefusal(object)) {
    return isRefusal(generation) ? generation : (object as Refusal);
  }
  const found = await findConfig(view, generation);
  if (isRefusal(found)) {
    return found;
  }
  const { number, text } = found;
  const map = (await view.sourceMap(number)) ?? { ranges: [] };
  const lineCount = countLines(text);
  if (format === 'json') {
    return json(context, { number, lineCount, ranges: map.ranges, text });
  }
  const part = readPart(query, lineCount);
  if (isRefusal(part)) {
    return part;
  }
  const chosen = object === null ? null : linesOf(map, object, lineCount);
  if (object !== null && chosen === null) {
    return noLines(view, map, object, number);
  }
  const q = query.get('q') ?? '';
  const hits = q === '' ? null : hitsOf(text, q, generation);
  const range = chosen === null ? part : whole(chosen);
  const count = chosen === null ? lineCount : chosen.reduce((sum, one) => sum + one, 0);
  const code = hits === null ? codeLines(text, { range, map, chosen, most: linesPerPage }) : [];
  return pages.show(
    context,
    'config',
    {
      title: object === null ? 'Config' : `Config of ${object}`,
      section: '/debug/config',
      jsonHref: linkTo('/debug/config', { format: 'json', generation }),
      textHref: linkTo('/debug/config', { format: 'text', generation, object }),
    },
    {
      number,
      isLive: number === view.live()?.number,
      generation: generation ?? '',
      lineCount: countWords(lineCount),
      object,
      objectHref: object === null ? '' : objectHref(object),
      q,
      code,
      hits,
      left: chosen === null ? 0 : count - code.length,
      wholeHref: linkTo('/debug/config', { generation }),
      diffHref: linkTo('/debug/diff', { to: generation, object }),
      pager: chosen === null && hits === null ? linePager(context, range, lineCount) : null,
    },
  );
}

/** `/debug/config/failed`: what was refused last, with its line marked. */
export async function showFailedPage(context: Context, tools: DebugTools): Promise<Response | Refusal> {
  const format = readFormat(context, 'text');
  if (isRefusal(format)) {
    return format;
  }
  const { view, pages } = tools;
  if (format === 'text') {
    const shown = showFailed(context, view);
    return isRefusal(shown) ? shown : tools.text(context, shown);
  }
  const query = readQuery(context, ['lines', 'line', 'page']);
  const failed = view.failed();
  if (isRefusal(query)) {
    return query;
  }
  if (failed === null) {
    return { refused: 404, message: 'no configuration has failed since this process started' };
  }
  const { generation, line, stage, at, objects } = failed;
  const [text, message] = [redactText(failed.text), redactText(failed.message)];
  if (format === 'json') {
    return tools.json(context, { ...failed, at: new Date(at).toISOString() });
  }
  const lineCount = countLines(text);
  const part = readPart(query, lineCount);
  if (isRefusal(part)) {
    return part;
  }
  const isExcerpt = line !== null && query.size === 0;
  const range = isExcerpt
    ? {
        first: Math.max(line - linesAround, 1),
        last: Math.min(line + linesAround, Math.max(lineCount, line)),
      }
    : part;
  return pages.show(
    context,
    'failed',
    {
      title: 'The last refused configuration',
      section: '/debug/config',
      jsonHref: '/debug/config/failed?format=json',
      textHref: '/debug/config/failed?format=text',
    },
    {
      generation,
      stage,
      message,
      moment: momentOf(at, Date.now()),
      line,
      objects: objects.map((object) => ({ object, href: objectHref(object) })),
      lineCount: countWords(lineCount),
      code: codeLines(text, { range, map: null, marked: line, most: linesPerPage }),
      pager: isExcerpt ? null : linePager(context, range, lineCount),
    },
  );
}

/** The lines that are asked for, one page of them at most: by `lines`, or the page that has `line` or is `page`. */
function readPart(query: Query, lineCount: number): LineRange | Refusal {
  const lines = readLines(query);
  const line = readNumber(query, 'line');
  const page = readNumber(query, 'page');
  if (isRefusal(lines)) {
    return lines;
  }
  if (isRefusal(line) || isRefusal(page)) {
    return isRefusal(line) ? line : (page as Refusal);
  }
  if (lines !== null) {
    const range = clip(lines, lineCount);
    return isRefusal(range)
      ? range
      : { first: range.first, last: Math.min(range.last, range.first + linesPerPage - 1) };
  }
  const of = Math.min(line ?? 1, Math.max(lineCount, 1));
  const index = page === null ? Math.floor((of - 1) / linesPerPage) : page - 1;
  const first = Math.min(index, Math.floor(Math.max(lineCount - 1, 0) / linesPerPage)) * linesPerPage + 1;
  return { first, last: Math.max(first, Math.min(first + linesPerPage - 1, lineCount)) };
}

/** From the first chosen line to the last. */
function whole(chosen: Uint8Array): LineRange {
  return { first: chosen.indexOf(1) + 1, last: chosen.lastIndexOf(1) + 1 };
}

function linePager(context: Context, { first, last }: LineRange, lineCount: number): Pager {
  const page = Math.floor((first - 1) / linesPerPage) + 1;
  const pages = Math.max(1, Math.ceil(lineCount / linesPerPage));
  function href(to: number): string {
    return withParameters(context, { page: to, line: null, lines: null });
  }
  return {
    page,
    pages,
    first,
    last,
    total: lineCount,
    previousHref: page === 1 ? null : href(page - 1),
    nextHref: page === pages ? null : href(page + 1),
  };
}

interface Hits {
  readonly total: string;
  readonly shown: readonly { readonly number: number; readonly text: string; readonly href: string }[];
}

/** Lines in which a text stands, in any letter case. */
function hitsOf(text: string, q: string, generation: number | null): Hits {
  const wanted = q.toLowerCase();
  const shown: { number: number; text: string; href: string }[] = [];
  let total = 0;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.toLowerCase().includes(wanted)) {
      total += 1;
      if (shown.length < shownHits) {
        const number = index + 1;
        const href = `${linkTo('/debug/config', { generation, line: number })}#L${number}`;
        shown.push({ number, text: line.trim(), href });
      }
    }
  }
  return { total: countWords(total), shown };
}

/** The part of the live configuration that came from an object, as its page shows it; null where there is none. */
export async function configSlice(
  { view }: DebugTools,
  object: ObjectKey,
  most: number,
): Promise<{ readonly number: number; readonly count: number; readonly code: readonly object[] } | null> {
  const found = await findConfig(view, null);
  if (isRefusal(found)) {
    return null;
  }
  const map = (await view.sourceMap(found.number)) ?? { ranges: [] };
  const chosen = linesOf(map, object, countLines(found.text));
  if (chosen === null) {
    return null;
  }
  const count = chosen.reduce((sum, one) => sum + one, 0);
  const code = codeLines(found.text, { range: whole(chosen), map, chosen, most });
  return { number: found.number, count, code };
}
