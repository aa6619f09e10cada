import { literally } from './regex.ts';
import { hasControlCharacter, refused, shown, token, type Parsed, type Token } from './token.ts';

/** The path of a rule as a regex, with every group of it named. */
export interface PathRegex {
  /** Anchored at the start only, as ingress-nginx has it; meant to be compared without letter case. */
  readonly regex: Token<'regex'>;
  /** Variables that hold what the groups matched, by number from 1. */
  readonly variables: readonly string[];
}

/** PCRE compiles longer ones too; nobody reads them. */
const longestRegex = 1024;
const mostGroups = 30;
const mostRepeats = 1000;

/** Escapes that mean the same to PCRE and to the engine that checks syntax here. */
const classEscapes = 'dDwWsS';
const plainEscapes = `${classEscapes}bBtnrf`;

/**
 * Reads the path of a rule as a regex. Its groups become named ones (`$path_1`…): unnamed captures are where nginx
 * had its memory flaws (CVE-2026-42945, CVE-2026-9256). What nginx might not compile is refused, since one such line
 * keeps it from loading any other.
 */
export function parsePathRegex(path: Token<'path'>): Parsed<PathRegex> {
  const scanned = scan(path.text, 'path');
  return refused(scanned)
    ? scanned
    : { value: { regex: token('regex', `^${scanned.value.printed}`), variables: scanned.value.variables } };
}

/** Reads a regex of host names, with its groups named (`$alias_1`…); it is anchored as its writer anchored it. */
export function parseServerRegex(text: string): Parsed<Token<'regex'>> {
  const scanned = hasControlCharacter(text)
    ? { error: `${shown(text)} has a control character: remove it` }
    : scan(text, 'alias');
  return refused(scanned) ? scanned : { value: token('regex', scanned.value.printed) };
}

/** Reads a regex that some part of a header has to match, with its groups named. */
export function parseConditionRegex(text: string): Parsed<Token<'regex'>> {
  const scanned = hasControlCharacter(text)
    ? { error: `${shown(text)} has a control character: remove it` }
    : scan(text, 'condition');
  return refused(scanned) ? scanned : { value: token('regex', scanned.value.printed) };
}

function scan(text: string, groups: string): Parsed<Scanner> {
  if (text.length > longestRegex || text === '') {
    return { error: `${shown(text)} is empty or longer than ${longestRegex} characters` };
  }
  const scanner = new Scanner(text, groups);
  const error = scanner.scan() ?? syntaxError(scanner.checked);
  return error === null
    ? { value: scanner }
    : { error: `${shown(text)} is not a regex that nginx is given: ${error}` };
}

/** A path as a regex of exactly these characters at the start. */
export function literalPathRegex(path: Token<'path'>): Token<'regex'> {
  return token('regex', `^${literally(path.text)}`);
}

/** A quantifier that makes what stands before it optional. */
const optional = /^(?:[*?]|\{0)/u;

/**
 * What every path that fits a regex begins with, letter case aside; less where that takes more than reading it from
 * left to right.
 */
export function literallyMatched(path: Token<'path'>): string {
  if (hasAlternatives(path.text)) {
    return '';
  }
  let literal = '';
  for (let at = 0; at < path.text.length; at += 1) {
    const escaped = path.text[at] === '\\';
    const character = path.text[escaped ? at + 1 : at] ?? '';
    const stands = escaped ? /[^A-Za-z0-9]/u.test(character) : !/[.*+?^${}()|[\]]/u.test(character);
    if (!stands || character === '' || optional.test(path.text.slice(at + (escaped ? 2 : 1)))) {
      return literal;
    }
    literal += character;
    at += escaped ? 1 : 0;
  }
  return literal;
}

/** Reads a regex once from left to right and writes it again with its groups named. */
class Scanner {
  /** Begins the names of the groups. */
  readonly #groups: string;
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** For nginx. */
  printed = '';
  /** The same for the check of its syntax. */
  checked = '';
  readonly variables: string[] = [];
  #highestReference = 0;

  constructor(text: string, groups: string) {
    this.#groups = groups;
    this.#text = text;
  }

  /** What is wrong, or null. */
  scan(): string | null {
    while (this.#at < this.#text.length) {
      const error = this.#step();
      if (error !== null) {
        return error;
      }
    }
    if (this.#depth > 0) {
      return 'a "(" is not closed';
    }
    return this.#highestReference > this.variables.length
      ? `there is no group ${this.#highestReference}`
      : null;
  }

  #step(): string | null {
    switch (this.#text[this.#at]) {
      case '\\':
        return this.#escape();
      case '[':
        return this.#class();
      case '(':
        return this.#open();
      case ')':
        this.#depth -= 1;
        return this.#depth < 0 ? 'a ")" was not opened' : this.#take(1);
      case '*':
      case '+':
      case '?':
      case '{':
        return this.#quantifier();
      default:
        return this.#take(1);
    }
  }

  #escape(): string | null {
    const next = this.#text[this.#at + 1] ?? '';
    if (next === '') {
      return 'it ends with a "\\"';
    }
    if (/[1-9]/u.test(next)) {
      this.#highestReference = Math.max(this.#highestReference, Number(next));
      // More digits would mean a larger group or an octal number.
      return /\d/u.test(this.#text[this.#at + 2] ?? '')
        ? 'it refers to a group by two digits'
        : this.#take(2);
    }
    return /[A-Za-z0-9]/u.test(next) && !plainEscapes.includes(next)
      ? `"\\${next}" is not supported`
      : this.#take(2);
  }

  #class(): string | null {
    const end = endOfClass(this.#text, this.#at);
    if (end < 0) {
      return 'a "[" is not closed';
    }
    const inside = this.#text.slice(this.#at + 1, end);
    if (/\[[:.=]/u.test(inside) || inside === '' || inside === '^') {
      return 'names of character classes ([:alpha:]) and empty classes are not supported';
    }
    const escapes = [...inside.matchAll(/\\(.)/gu)].map(([, escaped]) => escaped ?? '');
    const bad = escapes.find((each) => /[A-Za-z0-9]/u.test(each) && !`${classEscapes}tnrf`.includes(each));
    if (bad !== undefined) {
      return `"\\${bad}" in a class is not supported`;
    }
    if (/\\[dDwWsS]-[^\]]|-\\[dDwWsS]/u.test(inside)) {
      return 'a range of a class has a class as its end';
    }
    return this.#take(end + 1 - this.#at);
  }

  #open(): string | null {
    const rest = this.#text.slice(this.#at, this.#at + 200);
    this.#depth += 1;
    const special = /^\(\?(?:[:=!]|i\)|<[A-Za-z_]\w{0,31}>|P<[A-Za-z_]\w{0,31}>)/u.exec(rest)?.[0];
    if (special === '(?i)') {
      // Letter case never counts here.
      this.#depth -= 1;
      this.#at += special.length;
      return null;
    }
    if (special !== undefined && !special.endsWith('>')) {
      return this.#take(special.length);
    }
    if (special === undefined && /^\([?*]/u.test(rest)) {
      return `"${rest.slice(0, 4)}" is not supported`;
    }
    if (this.variables.length >= mostGroups) {
      return `it has more than ${mostGroups} groups`;
    }
    // A name of the user's own could be one of nginx's variables, or that of another path.
    const name = `${this.#groups}_${this.variables.length + 1}`;
    this.variables.push(name);
    this.printed += `(?<${name}>`;
    this.checked += '(';
    this.#at += special === undefined ? 1 : special.length;
    return null;
  }

  #quantifier(): string | null {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    const found = /^(?:[*+?]|\{(\d{1,5})(,?)(\d{0,5})\})/u.exec(rest);
    if (found === null) {
      // A brace that is no quantifier stands for itself; escaped, no reader has to know that.
      this.printed += '\\{';
      this.checked += '\\{';
      this.#at += 1;
      return null;
    }
    if (Math.max(Number(found[1] ?? 0), Number(found[3] ?? 0)) > mostRepeats) {
      return `it repeats more than ${mostRepeats} times`;
    }
    const error = this.#take(found[0].length);
    if (this.#text[this.#at] === '+') {
      // Possessive: known to PCRE alone.
      this.printed += '+';
      this.#at += 1;
    }
    return error;
  }

  #take(length: number): null {
    const part = this.#text.slice(this.#at, this.#at + length);
    this.printed += part;
    this.checked += part;
    this.#at += length;
    return null;
  }
}

/** Whether the whole of a regex is one thing or another: only one of them is then anchored. */
function hasAlternatives(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case '\\':
        at += 1;
        break;
      case '[': {
        const end = endOfClass(text, at);
        at = end < 0 ? at : end;
        break;
      }
      case '(':
        depth += 1;
        break;
      case ')':
        depth -= 1;
        break;
      case '|':
        if (depth === 0) {
          return true;
        }
        break;
      default:
    }
  }
  return false;
}

/** Where the class that opens at `from` closes; -1 where it never does. A `]` at its start stands for itself. */
function endOfClass(text: string, from: number): number {
  let at = from + 1;
  at += text[at] === '^' ? 1 : 0;
  at += text[at] === ']' ? 1 : 0;
  for (; at < text.length; at += 1) {
    if (text[at] === '\\') {
      at += 1;
    } else if (text[at] === ']') {
      return at;
    }
  }
  return -1;
}

function syntaxError(checked: string): string | null {
  try {
    // oxlint-disable-next-line no-new -- only whether it can be compiled is asked
    new RegExp(checked);
    return null;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text
      .slice(text.lastIndexOf(':') + 1)
      .trim()
      .toLowerCase();
  }
}
