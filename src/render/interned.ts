/** More are forgotten all at once: one world has few different ones, and what is forgotten is only made again. */
const most = 2000;

/**
 * Makes equal values one object, so that what a template prints of them is printed once. Values are what templates
 * see: records and lists of tokens, numbers and booleans.
 */
export class Interned<T extends object> {
  readonly #found = new Map<string, T>();

  /** The value of this key, made by `make` where there is none yet. */
  of(key: unknown, make: () => T): T {
    const text = JSON.stringify(key);
    let value = this.#found.get(text);
    if (value === undefined) {
      if (this.#found.size >= most) {
        this.#found.clear();
      }
      value = make();
      this.#found.set(text, value);
    }
    return value;
  }
}
