import {
  constructFromEvents,
  CORE_SCHEMA,
  type Event,
  EVENT_ID,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAML11_SCHEMA,
  YAMLException,
} from 'js-yaml';

/** A place in the file, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface YamlProblem {
  /** Dotted, or empty. */
  readonly key: string;
  readonly value: unknown;
  readonly message: string;
  readonly place: Place | null;
}

/** A YAML file that remembers where each value stands. */
export interface YamlSource {
  /** Null where there is no content. */
  readonly value: unknown;
  /** What makes the file unreadable, or a value of it uncertain. All are found, except that syntax stops at its first. */
  readonly problems: readonly YamlProblem[];
  /** Where the value of a dotted key (`nginx.resolver`, `nginx.resolver[1]`) stands, or of the nearest key around it. */
  placeOf(key: string): Place | null;
  /** Where the key itself stands. */
  keyPlaceOf(key: string): Place | null;
}

/**
 * Reads one YAML document as YAML 1.2. A value that YAML 1.1 (which Kubernetes and Helm speak) reads differently
 * (`on`, `0644`, `1_000`, `12:30`) is a problem, not a guess: whoever wrote it may have meant either.
 */
export function readYaml(text: string): YamlSource {
  let events: Event[];
  let modern: unknown[];
  let older: unknown[];
  try {
    events = parseEvents(text, {});
    // `json` lets a second key win silently here; the walk below reports each one, not only the first.
    const options = { source: text, json: true, maxAliases: 100 };
    modern = constructFromEvents(events, { ...options, schema: CORE_SCHEMA });
    older = constructFromEvents(events, { ...options, schema: YAML11_SCHEMA });
  } catch (error) {
    return {
      value: null,
      problems: [syntaxProblem(text, error)],
      placeOf: () => null,
      keyPlaceOf: () => null,
    };
  }
  const walker = new Walker(text, events);
  walker.walkDocuments(modern[0], older[0]);
  return {
    // What contains itself would have to be expected by everybody who reads it.
    value: walker.isCircular ? null : (modern[0] ?? null),
    problems: walker.problems,
    placeOf: (key) => walker.placeOf(key),
    keyPlaceOf: (key) => walker.keyPlaceOf(key),
  };
}

function syntaxProblem(text: string, error: unknown): YamlProblem {
  const mark = error instanceof YAMLException ? error.mark : undefined;
  const reason = error instanceof YAMLException ? error.reason : String(error);
  const tab = mark !== undefined && text[mark.position - mark.column] === '\t';
  return {
    key: '',
    value: undefined,
    message: `this is not YAML: ${reason}${tab ? ' (indent with spaces, not tabs)' : ''}`,
    place: mark === undefined ? null : { line: mark.line + 1, column: mark.column + 1 },
  };
}

/** Goes through the events of the parser and the two readings of the text side by side. */
class Walker {
  readonly problems: YamlProblem[] = [];
  /** Whether a value contains itself, which is a problem then. */
  isCircular = false;
  readonly #text: string;
  readonly #events: readonly Event[];
  readonly #places = new Map<string, number>();
  readonly #keyPlaces = new Map<string, number>();
  /** The lists and mappings around the current node. */
  readonly #around: unknown[] = [];
  #next = 0;

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  walkDocuments(modern: unknown, older: unknown): void {
    let documents = 0;
    while (this.#next < this.#events.length) {
      const event = this.#events[this.#next];
      this.#next += 1;
      if (event?.type !== EVENT_ID.DOCUMENT) {
        continue;
      }
      documents += 1;
      if (documents === 2) {
        this.#report('', undefined, 'the file holds several YAML documents: keep one, without "---"', null);
        return;
      }
      this.#walk('', modern, older);
    }
  }

  placeOf(key: string): Place | null {
    for (let rest = key; rest !== ''; rest = rest.replace(/(?:^|[.[])[^.[]*$/u, '')) {
      const position = this.#places.get(rest);
      if (position !== undefined) {
        return this.#place(position);
      }
    }
    return null;
  }

  keyPlaceOf(key: string): Place | null {
    const position = this.#keyPlaces.get(key);
    return position === undefined ? null : this.#place(position);
  }

  /** Takes one node; its place is noted under its key. */
  #walk(key: string, modern: unknown, older: unknown): void {
    const event = this.#events[this.#next];
    if (event === undefined || event.type === EVENT_ID.POP) {
      return;
    }
    this.#next += 1;
    if (event.type === EVENT_ID.SCALAR) {
      const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
      this.#note(key, quoted ? event.valueStart - 1 : event.valueStart);
      const plain = event.style === SCALAR_STYLE.PLAIN && event.tagStart < 0;
      if (plain && !sameReading(modern, older)) {
        this.#report(key, modern, twoReadings(getScalarValue(this.#text, event), older), event.valueStart);
      }
    } else if (event.type === EVENT_ID.SEQUENCE) {
      this.#note(key, event.start);
      this.#around.push(modern);
      for (let index = 0; !this.#atEnd(); index += 1) {
        this.#walk(`${key}[${index}]`, child(modern, index), child(older, index));
      }
      this.#around.pop();
    } else if (event.type === EVENT_ID.MAPPING) {
      this.#note(key, event.start);
      this.#around.push(modern);
      this.#walkMapping(key, modern, older);
      this.#around.pop();
    } else if (event.type === EVENT_ID.ALIAS) {
      this.#note(key, event.anchorStart);
      if (modern !== undefined && this.#around.includes(modern)) {
        this.isCircular = true;
        const message =
          'the alias stands inside the value that it repeats, which would never end: write it out';
        this.#report(key, undefined, message, event.anchorStart);
      }
    }
  }

  #walkMapping(key: string, modern: unknown, older: unknown): void {
    const seen = new Set<string>();
    while (!this.#atEnd()) {
      const event = this.#events[this.#next];
      // A key that is a list or a mapping has been refused while the values were made.
      const scalar = event?.type === EVENT_ID.SCALAR ? event : null;
      const name = scalar === null ? '' : getScalarValue(this.#text, scalar);
      this.#next += 1;
      const inner = key === '' ? name : `${key}.${name}`;
      const start = scalar?.valueStart ?? 0;
      this.#keyPlaces.set(inner, start);
      if (seen.has(name)) {
        this.#report(inner, undefined, 'the key stands here for the second time: remove one', start);
      }
      seen.add(name);
      this.#walk(inner, child(modern, name), child(older, name));
    }
  }

  /** Whether the open sequence or mapping ends here; then its end is taken. */
  #atEnd(): boolean {
    const event = this.#events[this.#next];
    if (event !== undefined && event.type !== EVENT_ID.POP) {
      return false;
    }
    this.#next += 1;
    return true;
  }

  #note(key: string, position: number): void {
    if (position >= 0) {
      this.#places.set(key, position);
    }
  }

  #report(key: string, value: unknown, message: string, position: number | null): void {
    this.problems.push({ key, value, message, place: position === null ? null : this.#place(position) });
  }

  #place(position: number): Place {
    const before = this.#text.slice(0, position).split(/\r\n|\n|\r/u);
    return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
  }
}

function child(value: unknown, name: string | number): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string | number, unknown>)[name]
    : undefined;
}

function sameReading(modern: unknown, older: unknown): boolean {
  // Undefined: the older reading has no such key, because it reads the key itself differently.
  return older === undefined || Object.is(modern, older);
}

function twoReadings(raw: string, older: unknown): string {
  const other = older instanceof Date ? 'a date' : JSON.stringify(older);
  const write = typeof older === 'boolean' ? `write ${other}` : 'write the plain number';
  return `${raw} means ${other} in YAML 1.1 and something else in YAML 1.2: ${write}, or put it in quotes if text is meant`;
}
