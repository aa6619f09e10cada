import {
  isAnchored,
  parseRegex,
  UnknownRegexSyntax,
  type RegexNode,
  type RegexSyntax,
} from './regex-syntax.ts';

/** What a regex found: the text of each group by number and by name; null for a group that took no part. */
export interface RegexMatch {
  readonly groups: readonly (string | null)[];
  readonly named: ReadonlyMap<string, string | null>;
}

/** Says what matches; `unknown` with the reason where that cannot be told. */
export type RegexAnswer =
  { readonly match: RegexMatch } | { readonly match: null } | { readonly unknown: string };

/** Steps of one match: PCRE gives up, too, and nobody who asks may stop this thread. */
const mostSteps = 300_000;

/** Steps of all matches together since `renewSteps`, about a tenth of a second: changes wait for this thread. */
const mostStepsTogether = 1_000_000;
let left = mostStepsTogether;

/** Begins with something else: its matches have all of their steps again. */
export function renewSteps(): void {
  left = mostStepsTogether;
}

class TooMuchWork extends Error {}

/** Goes on from a place in the text. */
type Next = (at: number) => boolean;
type Matcher = (at: number, next: Next) => boolean;

interface Run {
  text: string;
  /** Begin and end of group n at 2n and 2n + 1; -1 for none. */
  places: number[];
  steps: number;
}

interface Compiled {
  readonly syntax: RegexSyntax;
  readonly matcher: Matcher;
  readonly run: Run;
  readonly anchored: boolean;
}

const known = new Map<string, Compiled | string>();
const mostKnown = 2000;

/** Bytes as characters, one each: what nginx compares. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The text that bytes stand for, as far as they are UTF-8. */
export function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/**
 * Looks for a regex of nginx (`~`, `~*`) somewhere in a text of bytes (`bytesOf`). The engine is our own: that of the
 * language differs from PCRE in letter case, in groups that repeat and in what it knows, and cannot be stopped.
 */
export function matchRegex(pattern: string, caseless: boolean, bytes: string): RegexAnswer {
  const compiled = compiledOf(pattern, caseless);
  if (typeof compiled === 'string') {
    return { unknown: compiled };
  }
  const { syntax, matcher, run, anchored } = compiled;
  run.text = bytes;
  run.steps = 0;
  try {
    const last = anchored ? 0 : bytes.length;
    for (let start = 0; start <= last; start += 1) {
      step(run);
      run.places = Array.from({ length: 2 * (syntax.groups + 1) }, () => -1);
      let end = -1;
      const found = matcher(start, (at) => {
        end = at;
        return true;
      });
      if (found) {
        run.places[0] = start;
        run.places[1] = end;
        return { match: matchOf(syntax, run) };
      }
    }
    return { match: null };
  } catch (error) {
    if (error instanceof TooMuchWork || error instanceof RangeError) {
      return { unknown: 'the regex takes more steps for this text than are made here' };
    }
    throw error;
  }
}

function compiledOf(pattern: string, caseless: boolean): Compiled | string {
  const key = `${caseless ? 'i' : ' '}${pattern}`;
  let found = known.get(key);
  if (found === undefined) {
    found = compile(pattern, caseless);
    if (known.size >= mostKnown) {
      known.clear();
    }
    known.set(key, found);
  }
  return found;
}

function compile(pattern: string, caseless: boolean): Compiled | string {
  try {
    const syntax = parseRegex(bytesOf(pattern), caseless);
    const run: Run = { text: '', places: [], steps: 0 };
    return { syntax, matcher: matcherOf(syntax.node, run), run, anchored: isAnchored(syntax.node) };
  } catch (error) {
    if (error instanceof UnknownRegexSyntax || error instanceof RangeError) {
      return error.message;
    }
    throw error;
  }
}

function matchOf({ groups, names }: RegexSyntax, { text, places }: Run): RegexMatch {
  const found = Array.from({ length: groups + 1 }, (_, index) => {
    const from = places[2 * index] ?? -1;
    return from < 0 ? null : text.slice(from, places[2 * index + 1]);
  });
  return {
    groups: found,
    named: new Map([...names].map(([name, index]) => [name, found[index] ?? null])),
  };
}

function matcherOf(node: RegexNode, run: Run): Matcher {
  switch (node.kind) {
    case 'set':
      return (at, next) => {
        step(run);
        return node.set[run.text.charCodeAt(at)] === 1 && next(at + 1);
      };
    case 'start':
      return (at, next) => at === 0 && next(at);
    case 'end':
      // Also before a line end that is the last byte, as in PCRE.
      return (at, next) =>
        (at === run.text.length || (at === run.text.length - 1 && run.text[at] === '\n')) && next(at);
    case 'boundary':
    case 'no-boundary':
      return (at, next) =>
        (isWord(run.text[at - 1]) !== isWord(run.text[at])) === (node.kind === 'boundary') && next(at);
    case 'sequence':
      return sequenceOf(node.items.map((item) => matcherOf(item, run)));
    case 'choice': {
      const items = node.items.map((item) => matcherOf(item, run));
      return (at, next) => items.some((item) => item(at, next));
    }
    case 'group':
      return groupOf(node.index, matcherOf(node.item, run), run);
    case 'atomic':
      return atomicOf(matcherOf(node.item, run), run);
    case 'look':
      return lookOf(matcherOf(node.item, run), node.negative, run);
    case 'reference':
      return referenceOf(node.index, node.caseless, run);
    case 'repeat':
      return node.item.kind === 'set' ? repeatedSet(node, node.item.set, run) : repeated(node, run);
    default:
      return node satisfies never;
  }
}

function step(run: Run, count = 1): void {
  run.steps += count;
  left -= count;
  if (run.steps > mostSteps || left < 0) {
    throw new TooMuchWork();
  }
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && /\w/u.test(character);
}

function sequenceOf(items: readonly Matcher[]): Matcher {
  return items.reduceRight<Matcher>(
    (rest, item) => (at, next) => item(at, (then) => rest(then, next)),
    (at, next) => next(at),
  );
}

function groupOf(index: number, item: Matcher, run: Run): Matcher {
  return (at, next) => {
    const before = run.places.slice(2 * index, 2 * index + 2);
    const found = item(at, (end) => {
      const inner = run.places.slice(2 * index, 2 * index + 2);
      run.places.splice(2 * index, 2, at, end);
      if (next(end)) {
        return true;
      }
      run.places.splice(2 * index, 2, ...inner);
      return false;
    });
    if (!found) {
      run.places.splice(2 * index, 2, ...before);
    }
    return found;
  };
}

/** What has matched is not gone back into. */
function atomicOf(item: Matcher, run: Run): Matcher {
  return (at, next) => {
    const before = [...run.places];
    let end = -1;
    const found = item(at, (then) => {
      end = then;
      return true;
    });
    if (found && next(end)) {
      return true;
    }
    run.places = before;
    return false;
  };
}

function lookOf(item: Matcher, negative: boolean, run: Run): Matcher {
  return (at, next) => {
    const before = [...run.places];
    const found = item(at, () => true);
    if (negative) {
      run.places = before;
      return !found && next(at);
    }
    if (found && next(at)) {
      return true;
    }
    run.places = before;
    return false;
  };
}

/** A group that took no part is matched by nothing. */
function referenceOf(index: number, caseless: boolean, run: Run): Matcher {
  return (at, next) => {
    step(run);
    const from = run.places[2 * index] ?? -1;
    if (from < 0) {
      return false;
    }
    const wanted = run.text.slice(from, run.places[2 * index + 1]);
    const there = run.text.slice(at, at + wanted.length);
    const isSame = caseless ? lower(wanted) === lower(there) : wanted === there;
    return isSame && next(at + wanted.length);
  };
}

function lower(text: string): string {
  return text.replaceAll(/[A-Z]+/gu, (letters) => letters.toLowerCase());
}

type Repeat = RegexNode & { readonly kind: 'repeat' };

/** Of single bytes, without going deeper for each of them. */
function repeatedSet({ least, most, lazy }: Repeat, set: Uint8Array, run: Run): Matcher {
  return (at, next) => {
    const { text } = run;
    let longest = at;
    while (longest - at < most && set[text.charCodeAt(longest)] === 1) {
      longest += 1;
    }
    step(run, (longest - at) >> 4);
    if (longest - at < least) {
      step(run);
      return false;
    }
    for (let taken = least; taken <= longest - at; taken += 1) {
      step(run);
      if (next(lazy ? at + taken : longest - (taken - least))) {
        return true;
      }
    }
    return false;
  };
}

function repeated({ item, least, most, lazy }: Repeat, run: Run): Matcher {
  const one = matcherOf(item, run);
  function from(at: number, count: number, next: Next): boolean {
    step(run);
    function again(): boolean {
      return (
        count < most &&
        // A turn that takes nothing ends the loop.
        one(at, (then) => (then === at && count + 1 >= least ? next(then) : from(then, count + 1, next)))
      );
    }
    if (count < least) {
      return again();
    }
    return lazy ? next(at) || again() : again() || next(at);
  }
  return (at, next) => from(at, 0, next);
}
