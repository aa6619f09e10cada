import { inspect } from 'node:util';

const redacted = '[redacted]';

/**
 * Text that must never be shown: every way of printing it (template strings, JSON, `console.log`) gives
 * `[redacted]`. Only `reveal` returns it.
 */
export class SecretValue {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Call it only where the text goes into a file of its own or into a parser. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
