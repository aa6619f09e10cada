/**
 * The syntax of PCRE, as far as anything that the gateway prints has it: what a path, an alias or a condition may be
 * (`src/model/path-regex.ts`), and what templates and plugins write themselves. Bytes, not characters: nginx compiles
 * without UTF-8, so each byte of a character counts for itself and only letters from A to Z have a case.
 */
export type RegexNode =
  /** One byte of a set: 256 entries, 1 where it is in. */
  | { readonly kind: 'set'; readonly set: Uint8Array }
  | { readonly kind: 'start' | 'end' | 'boundary' | 'no-boundary' }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'group'; readonly index: number; readonly item: RegexNode }
  | { readonly kind: 'atomic'; readonly item: RegexNode }
  | { readonly kind: 'look'; readonly negative: boolean; readonly item: RegexNode }
  | { readonly kind: 'reference'; readonly index: number; readonly caseless: boolean }
  | {
      readonly kind: 'repeat';
      readonly item: RegexNode;
      readonly least: number;
      readonly most: number;
      readonly lazy: boolean;
    };

export interface RegexSyntax {
  readonly node: RegexNode;
  readonly groups: number;
  /** The names of groups and their numbers, from 1. */
  readonly names: ReadonlyMap<string, number>;
}

/** Thrown for syntax that is not known here: then nothing can be told about what matches. */
export class UnknownRegexSyntax extends Error {}

const digits = setOf((code) => code >= 48 && code <= 57);
const words = setOf(
  (code) =>
    (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95,
);
const blanks = setOf((code) => code === 32 || (code >= 9 && code <= 13));
const notNewline = setOf((code) => code !== 10);

/** Of one byte each, shared by all patterns. */
const singleSets = Array.from({ length: 256 }, (_, code) => setOf((each) => each === code));
const caselessSets = singleSets.map(withBothCases);

const shorthands: Readonly<Record<string, Uint8Array>> = {
  d: digits,
  D: inverted(digits),
  w: words,
  W: inverted(words),
  s: blanks,
  S: inverted(blanks),
};
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13, f: 12 };

/**
 * Reads a pattern whose characters are bytes.
 * @throws UnknownRegexSyntax
 */
export function parseRegex(pattern: string, caseless: boolean): RegexSyntax {
  const parser = new Parser(pattern, caseless);
  const node = parser.choice();
  parser.expectEnd();
  return { node, groups: parser.groups, names: parser.names };
}

/** Whether a pattern can only match at the start of a text. */
export function isAnchored(node: RegexNode): boolean {
  switch (node.kind) {
    case 'start':
      return true;
    case 'sequence':
      return node.items[0] !== undefined && isAnchored(node.items[0]);
    case 'choice':
      return node.items.every(isAnchored);
    case 'group':
    case 'atomic':
      return isAnchored(node.item);
    default:
      return false;
  }
}

/** A set of the bytes that a test holds for. */
function setOf(holds: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (holds(code) ? 1 : 0));
}

function inverted(set: Uint8Array): Uint8Array {
  return set.map((one) => 1 - one);
}

class Parser {
  readonly #text: string;
  readonly names = new Map<string, number>();
  groups = 0;
  #at = 0;
  #caseless: boolean;

  constructor(text: string, caseless: boolean) {
    this.#text = text;
    this.#caseless = caseless;
  }

  expectEnd(): void {
    if (this.#at < this.#text.length) {
      throw this.#unknown();
    }
  }

  choice(): RegexNode {
    // `(?i)` holds to the end of its group, over the bars of it.
    const before = this.#caseless;
    const items = [this.#sequence()];
    while (this.#take('|')) {
      items.push(this.#sequence());
    }
    this.#caseless = before;
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { kind: 'choice', items };
  }

  #sequence(): RegexNode {
    const items: RegexNode[] = [];
    while (this.#at < this.#text.length && !'|)'.includes(this.#peek())) {
      const atom = this.#atom();
      if (atom !== null) {
        items.push(this.#quantified(atom));
      }
    }
    return { kind: 'sequence', items };
  }

  /** Null where it only switches something. */
  #atom(): RegexNode | null {
    const character = this.#peek();
    this.#at += 1;
    switch (character) {
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '.':
        return { kind: 'set', set: notNewline };
      case '[':
        return { kind: 'set', set: this.#class() };
      case '(':
        return this.#group();
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw this.#unknown();
      default:
        return { kind: 'set', set: this.#one(character.charCodeAt(0)) };
    }
  }

  #quantified(item: RegexNode): RegexNode {
    const found = /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})/u.exec(this.#text.slice(this.#at, this.#at + 20));
    if (found === null) {
      return item;
    }
    this.#at += found[0].length;
    const [sign = '', first, comma, last] = found;
    const end = comma === undefined ? first : last;
    const [least, most] =
      first === undefined
        ? [sign === '+' ? 1 : 0, sign === '?' ? 1 : Infinity]
        : [Number(first), end === '' ? Infinity : Number(end)];
    const lazy = this.#take('?');
    const repeat: RegexNode = { kind: 'repeat', item, least, most, lazy };
    return !lazy && this.#take('+') ? { kind: 'atomic', item: repeat } : repeat;
  }

  #group(): RegexNode | null {
    if (!this.#take('?')) {
      return this.#closed(this.#numbered(null));
    }
    const name = /^(?:P?<|')([A-Za-z_]\w*)[>']/u.exec(this.#text.slice(this.#at, this.#at + 80));
    if (name !== null) {
      this.#at += name[0].length;
      return this.#closed(this.#numbered(name[1] ?? ''));
    }
    if (this.#take(':')) {
      return this.#closed(this.choice());
    }
    if (this.#take('>')) {
      return this.#closed({ kind: 'atomic', item: this.choice() });
    }
    for (const [sign, negative] of [
      ['=', false],
      ['!', true],
    ] as const) {
      if (this.#take(sign)) {
        return this.#closed({ kind: 'look', negative, item: this.choice() });
      }
    }
    const flag = /^(-?)i([:)])/u.exec(this.#text.slice(this.#at, this.#at + 4));
    if (flag === null) {
      throw this.#unknown();
    }
    this.#at += flag[0].length;
    const before = this.#caseless;
    this.#caseless = flag[1] === '';
    if (flag[2] === ')') {
      return null;
    }
    const item = this.#closed(this.choice());
    this.#caseless = before;
    return item;
  }

  #numbered(name: string | null): RegexNode {
    this.groups += 1;
    const index = this.groups;
    if (name !== null) {
      this.names.set(name, index);
    }
    return { kind: 'group', index, item: this.choice() };
  }

  #closed(node: RegexNode): RegexNode {
    if (!this.#take(')')) {
      throw this.#unknown();
    }
    return node;
  }

  #escape(): RegexNode {
    const character = this.#peek();
    this.#at += 1;
    if (/[1-9]/u.test(character) && !/\d/u.test(this.#peek())) {
      return { kind: 'reference', index: Number(character), caseless: this.#caseless };
    }
    if (character === 'b' || character === 'B') {
      return { kind: character === 'b' ? 'boundary' : 'no-boundary' };
    }
    const set = shorthands[character];
    return { kind: 'set', set: set ?? this.#one(this.#escaped(character)) };
  }

  /** The byte that an escaped character stands for. */
  #escaped(character: string): number {
    const control = controls[character];
    if (control !== undefined) {
      return control;
    }
    if (character === '' || /[A-Za-z0-9]/u.test(character)) {
      throw this.#unknown();
    }
    return character.charCodeAt(0);
  }

  #class(): Uint8Array {
    const isNegative = this.#take('^');
    const set = new Uint8Array(256);
    for (let isFirst = true; isFirst || this.#peek() !== ']'; isFirst = false) {
      const from = this.#member(set);
      const isRange = this.#peek() === '-' && this.#text[this.#at + 1] !== ']';
      if (from !== null && isRange) {
        this.#at += 1;
        const to = this.#member(set);
        if (to === null || to < from) {
          throw this.#unknown();
        }
        set.fill(1, from, to + 1);
      }
    }
    this.#at += 1;
    const folded = this.#caseless ? withBothCases(set) : set;
    return isNegative ? inverted(folded) : folded;
  }

  /** Adds what stands next, and returns its byte where it is one. */
  #member(set: Uint8Array): number | null {
    const character = this.#peek();
    this.#at += 1;
    if (character === '' || (character === '[' && /[:.=]/u.test(this.#peek()))) {
      throw this.#unknown();
    }
    if (character !== '\\') {
      set[character.charCodeAt(0)] = 1;
      return character.charCodeAt(0);
    }
    const escaped = this.#peek();
    this.#at += 1;
    const shorthand = shorthands[escaped];
    if (shorthand !== undefined) {
      shorthand.forEach((one, code) => {
        set[code] = one === 1 ? 1 : (set[code] ?? 0);
      });
      return null;
    }
    const code = this.#escaped(escaped);
    set[code] = 1;
    return code;
  }

  #one(code: number): Uint8Array {
    const sets = this.#caseless ? caselessSets : singleSets;
    return sets[code] ?? new Uint8Array(256);
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #take(character: string): boolean {
    const isThere = this.#peek() === character;
    this.#at += isThere ? 1 : 0;
    return isThere;
  }

  #unknown(): UnknownRegexSyntax {
    return new UnknownRegexSyntax(`the regex has something at character ${this.#at} that is not known here`);
  }
}

function withBothCases(set: Uint8Array): Uint8Array {
  return set.map((one, code) => {
    const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
    // Upper and lower case of a letter differ in this bit alone.
    return one === 1 || (isLetter && set[code ^ 32] === 1) ? 1 : 0;
  });
}
