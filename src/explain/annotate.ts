import type { OriginRange, SourceMap } from '../model/candidate.ts';
import { objectKey } from '../model/object-ref.ts';
import type { Verdict } from '../model/verdict.ts';
import { Lexer } from '../nginx/lexer.ts';
import type { Explanation } from './explanation.ts';

/** What nginx serves, as text. */
export interface LiveText {
  readonly text: string;
  readonly sourceMap: SourceMap;
}

/** Adds what became of the object whose location or server it is. */
export function withVerdict(explanation: Explanation, verdicts: readonly Verdict[]): Explanation {
  const object = (explanation.location?.origin ?? explanation.server?.origin)?.object;
  const verdict = object === undefined ? undefined : verdicts.find((each) => objectKey(each) === object);
  return verdict === undefined ? explanation : { ...explanation, verdict };
}

/** Adds that templates of an operator print the text: what they do otherwise than the built-in ones is not in the model. */
export function withTemplates(explanation: Explanation, names: readonly string[]): Explanation {
  if (names.length === 0) {
    return explanation;
  }
  const remark = `templates of the operator stand in the place of built-in ones (${[...names].sort().join(', ')}): what they print otherwise is not told here`;
  return { ...explanation, remarks: [...explanation.remarks, remark] };
}

/**
 * Adds the lines of the server and of the location in the text that was rendered from the same model. They are looked
 * for where the source map says that the server's object has printed, so that an operator's templates count as well;
 * where the text does not have them they stay null.
 */
export function withLines(explanation: Explanation, { text, sourceMap }: LiveText): Explanation {
  const { server, location } = explanation;
  if (server === null) {
    return explanation;
  }
  const offsets =
    server.origin === null
      ? [startOfDefault(text)]
      : offsetsOf(
          text,
          sourceMap.ranges.filter(({ object }) => object === server.origin?.object),
        );
  const name = server.names[0] ?? '_';
  const path =
    location === null
      ? null
      : [...(location.modifier === '' ? [] : [location.modifier]), location.path].join(' ');
  for (const { offset, line } of offsets) {
    const found = linesOf(text.slice(offset), name, path);
    if (found !== null) {
      return {
        ...explanation,
        server: { ...server, line: line + found.server - 1 },
        location:
          location === null
            ? null
            : { ...location, line: found.location === null ? null : line + found.location - 1 },
      };
    }
  }
  return explanation;
}

interface Place {
  readonly offset: number;
  /** Counted from 1. */
  readonly line: number;
}

/** Where the first lines of ranges begin. */
function offsetsOf(text: string, ranges: readonly OriginRange[]): Place[] {
  const places: Place[] = [];
  let offset = 0;
  let line = 1;
  for (const { first } of ranges) {
    while (line < first) {
      const end = text.indexOf('\n', offset);
      if (end < 0) {
        return places;
      }
      offset = end + 1;
      line += 1;
    }
    places.push({ offset, line });
  }
  return places;
}

function startOfDefault(text: string): Place {
  const offset = Math.max(0, text.lastIndexOf('server {', text.indexOf('default_server')));
  return { offset, line: text.slice(0, offset).split('\n').length };
}

/** The lines, from 1, of the server that a text begins with and of a location in it; null where it is another one. */
function linesOf(
  text: string,
  name: string,
  path: string | null,
): { readonly server: number; readonly location: number | null } | null {
  const lexer = new Lexer(text);
  let depth = 0;
  let server = 0;
  let location: number | null = null;
  let isNamed = false;
  for (let step = lexer.next(); step !== 'end' && step !== 'error'; step = lexer.next()) {
    const words = lexer.words.map((word) => word.text);
    if (depth === 0 && (step !== 'block-start' || words[0] !== 'server')) {
      return null;
    }
    server = depth === 0 ? lexer.startLine : server;
    if (depth === 1 && words[0] === 'server_name') {
      isNamed = words.some((word) => word === name || shownName(word) === name);
    }
    if (depth === 1 && words[0] === 'location' && words.slice(1).join(' ') === path) {
      location = lexer.startLine;
    }
    if (step !== 'directive') {
      depth += step === 'block-start' ? 1 : -1;
    }
    if (depth <= 0) {
      break;
    }
  }
  return isNamed ? { server, location } : null;
}

/** A wildcard as it is shown: it is printed as a regex. */
function shownName(word: string): string {
  const wildcard = /^~\^\(\?<subdomain>\[\\w-\]\+\)(.*)\$$/u.exec(word);
  return wildcard === null ? word : `*${(wildcard[1] ?? '').replaceAll(/\\(.)/gu, '$1')}`;
}
