/** One word of a directive. `text` is what nginx sees, `raw` what stands in the file, quotes included. */
export interface Word {
  readonly text: string;
  readonly quoted: 'none' | 'single' | 'double';
  readonly raw: string;
}

/** The ways in which a text is no nginx configuration. */
export type ConfigErrorKind =
  'unexpected-character' | 'unexpected-end-in-directive' | 'unexpected-end-in-block' | 'too-long-parameter';

/** The first error, as nginx would report it. */
export interface LexError {
  readonly kind: ConfigErrorKind;
  readonly line: number;
  /** In nginx's own words. */
  readonly message: string;
}

/** nginx reads its configuration through a buffer of this many bytes, and no word or comment may fill it. */
const bufferBytes = 4096;

const tab = 9;
const lineFeed = 10;
const carriageReturn = 13;
const space = 32;
const doubleQuote = 34;
const hash = 35;
const dollar = 36;
const singleQuote = 39;
const closeParenthesis = 41;
const semicolon = 59;
const backslash = 92;
const openBrace = 123;
const closeBrace = 125;

/** Characters that mean something inside a bare word, by character code. */
const specialInWord = new Uint8Array(128);
for (const code of [tab, lineFeed, carriageReturn, space, dollar, semicolon, backslash, openBrace]) {
  specialInWord[code] = 1;
}

/** What ends one step of the lexer. */
export type Step = 'directive' | 'block-start' | 'block-end' | 'end' | 'error';

/**
 * nginx's lexer (`ngx_conf_read_token`), one directive head a step. Its peculiar rules are kept: `#` starts a
 * comment only where a word could start, a quote is special only there too, `{` after `$` belongs to the
 * word, `)` may touch a closing quote, and a word or comment of 4096 bytes is an error.
 */
export class Lexer {
  readonly text: string;
  /** False skips the making of words: `words` then stays empty, `wordCount` counts. */
  collect = true;
  words: Word[] = [];
  wordCount = 0;
  /** Offset and line of the first word of the step. */
  startOffset = 0;
  startLine = 1;
  /** Just behind what was read, and its line. */
  offset = 0;
  line = 1;
  error: LexError | null = null;
  /** Start of the first quoted word that goes over a line end: where a forgotten quote usually is. */
  firstMultilineWord: number | null = null;

  constructor(text: string) {
    this.text = text;
  }

  /** Reads up to and with the next `;`, `{`, `}` or the end. After `error` it must not be called again. */
  next(): Step {
    const { text } = this;
    const { length } = text;
    this.words = [];
    this.wordCount = 0;
    let at = this.offset;
    for (;;) {
      if (at >= length) {
        this.offset = at;
        return this.wordCount > 0 ? this.#endInDirective() : 'end';
      }
      const code = text.charCodeAt(at);
      if (code === space || code === tab || code === carriageReturn) {
        at++;
        continue;
      }
      if (code === lineFeed) {
        at++;
        this.line++;
        continue;
      }
      if (code === semicolon || code === openBrace || code === closeBrace) {
        this.offset = at + 1;
        if (code === closeBrace) {
          if (this.wordCount === 0) {
            this.startOffset = at;
            this.startLine = this.line;
            return 'block-end';
          }
          return this.#unexpected('}');
        }
        if (this.wordCount === 0) {
          return this.#unexpected(code === semicolon ? ';' : '{');
        }
        return code === semicolon ? 'directive' : 'block-start';
      }
      if (code === hash) {
        const end = text.indexOf('\n', at);
        if (this.#tooLong(at, end === -1 ? length : end)) {
          return this.#tooLongParameter(at, this.line, '');
        }
        at = end === -1 ? length : end;
        continue;
      }
      if (this.wordCount === 0) {
        this.startOffset = at;
        this.startLine = this.line;
      }
      at = code === doubleQuote || code === singleQuote ? this.#quoted(at, code) : this.#bare(at, code);
      if (at < 0) {
        return 'error';
      }
    }
  }

  /** Reads a bare word; the offset of what ended it, or -1 with `error` set. */
  #bare(start: number, first: number): number {
    const { text } = this;
    const { length } = text;
    const startLine = this.line;
    let at = start;
    let escaped = false;
    let afterDollar = false;
    let code = first;
    for (;;) {
      if (code < 128 && specialInWord[code] === 1) {
        if (code === backslash) {
          escaped = true;
          afterDollar = false;
          at++;
          if (text.charCodeAt(at) === lineFeed) {
            this.line++;
          }
        } else if (code === dollar) {
          afterDollar = true;
        } else if (code !== openBrace || !afterDollar) {
          break;
        }
      } else {
        afterDollar = false;
      }
      at++;
      if (at >= length) {
        this.offset = length;
        return this.#tooLong(start, length)
          ? this.#fail(this.#tooLongParameter(start, startLine, ''))
          : this.#fail(this.#endInDirective());
      }
      code = text.charCodeAt(at);
    }
    // Behind white space the lexer reads one byte more before it forgets the word.
    if (this.#tooLong(start, code === semicolon || code === openBrace ? at : at + 1)) {
      return this.#fail(this.#tooLongParameter(start, startLine, ''));
    }
    this.wordCount++;
    if (this.collect) {
      const raw = text.slice(start, at);
      this.words.push({ text: escaped ? unescape(raw) : raw, quoted: 'none', raw });
    }
    return at;
  }

  /** Reads a quoted word; the offset of what follows its closing quote, or -1 with `error` set. */
  #quoted(start: number, quote: number): number {
    const { text } = this;
    const { length } = text;
    const startLine = this.line;
    const mark = quote === doubleQuote ? '"' : "'";
    let escaped = false;
    let at = start + 1;
    for (; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code === quote) {
        break;
      }
      if (code === backslash) {
        escaped = true;
        at++;
        if (text.charCodeAt(at) === lineFeed) {
          this.line++;
        }
      } else if (code === lineFeed) {
        this.line++;
      }
    }
    if (this.line !== startLine) {
      this.firstMultilineWord ??= startLine;
    }
    if (at >= length) {
      this.offset = length;
      return this.#tooLong(start + 1, length)
        ? this.#fail(this.#tooLongParameter(start + 1, startLine, mark))
        : this.#fail(this.#endInDirective());
    }
    const after = text.charCodeAt(at + 1);
    const white = after === space || after === tab || after === carriageReturn || after === lineFeed;
    if (this.#tooLong(start + 1, white ? at + 2 : at + 1)) {
      // Up to the closing quote nginx knows that it is inside quotes, right behind it no longer.
      const inside = this.#tooLong(start + 1, at);
      return this.#fail(this.#tooLongParameter(start + 1, startLine, inside ? mark : ''));
    }
    this.wordCount++;
    if (this.collect) {
      const content = text.slice(start + 1, at);
      this.words.push({
        text: escaped ? unescape(content) : content,
        quoted: quote === doubleQuote ? 'double' : 'single',
        raw: text.slice(start, at + 1),
      });
    }
    const mayFollow = white || after === semicolon || after === openBrace || after === closeParenthesis;
    if (!mayFollow && at + 1 < length) {
      return this.#fail(this.#unexpected(String.fromCodePoint(text.codePointAt(at + 1) ?? 0)));
    }
    return at + 1;
  }

  /** Whether nginx, to read the character at `last`, needs more than its buffer from `start` on. */
  #tooLong(start: number, last: number): boolean {
    // No UTF-16 unit takes more than three bytes, so short words need no counting.
    if ((last - start) * 3 < bufferBytes) {
      return false;
    }
    const bytes = Buffer.byteLength(this.text.slice(start, last));
    return bytes >= bufferBytes && (bytes > bufferBytes || last < this.text.length);
  }

  #fail(_step: 'error'): -1 {
    return -1;
  }

  #unexpected(character: string): 'error' {
    this.error = { kind: 'unexpected-character', line: this.line, message: `unexpected "${character}"` };
    return 'error';
  }

  #endInDirective(): 'error' {
    const message = 'unexpected end of file, expecting ";" or "}"';
    this.error = { kind: 'unexpected-end-in-directive', line: this.line, message };
    return 'error';
  }

  #tooLongParameter(start: number, line: number, quote: string): 'error' {
    const message = quote
      ? `too long parameter, probably missing terminating "${quote}" character`
      : `too long parameter "${this.text.slice(start, start + 10)}..." started`;
    this.error = { kind: 'too-long-parameter', line, message };
    return 'error';
  }
}

function unescape(text: string): string {
  return text.replace(/\\(["'\\trn])/g, (_match, character: string) => {
    switch (character) {
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'n':
        return '\n';
      default:
        return character;
    }
  });
}
