import type { ObjectRef } from '../model/object-ref.ts';
import type { Finding, VerdictState } from '../model/verdict.ts';

/** Findings kept for one object; what goes beyond is counted, so that a hostile object cannot flood the verdicts. */
const maxFindings = 50;

/** Collects what is wrong with one object while it is read. Paths are as `kubectl explain` writes them. */
export interface Report {
  /** The object as a whole is refused. */
  reject(field: string, message: string): void;
  /** A part of the object is left out or closed; the rest is served. */
  differ(field: string, message: string): void;
  isRejected(): boolean;
  /** A value as this report's messages may quote it: in a Secret, only what sort of value it is. */
  show(value: unknown): string;
  findings(object: ObjectRef): Finding[];
}

/** A report without entries; `redact` for objects whose values must not be quoted. */
export function createReport(redact: boolean): Report {
  const entries: { state: VerdictState; field: string; message: string }[] = [];
  let rejected = false;
  let unlisted = 0;

  function add(state: VerdictState, field: string, message: string): void {
    if (entries.length >= maxFindings) {
      unlisted += 1;
      return;
    }
    entries.push({ state, field, message });
  }

  return {
    reject(field, message) {
      rejected = true;
      add('rejected', field, message);
    },
    differ(field, message) {
      add('served-with-difference', field, message);
    },
    isRejected() {
      return rejected;
    },
    show(value) {
      return redact ? typeName(value) : shown(value);
    },
    findings(object) {
      const found: Finding[] = [];
      for (const { state, field, message } of entries) {
        found.push({ object, state, reason: { field, message } });
      }
      if (unlisted > 0) {
        found.push({
          object,
          state: rejected ? 'rejected' : 'served-with-difference',
          reason: {
            field: '',
            message: `${unlisted} more fields are wrong; the first ${maxFindings} are listed`,
          },
        });
      }
      return found;
    },
  };
}

const shownLength = 60;
// Everything that could break a line or hide text in a terminal; JSON.stringify escapes only C0.
const invisible = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function escapeInvisible(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Text as it may stand in a message: quoted, shortened, on one line, without invisible characters. */
export function quoted(text: string): string {
  const cut = text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
  return JSON.stringify(cut).replace(invisible, escapeInvisible);
}

/** A value as it may stand in a message: shortened; lists and mappings are only named, never walked. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    return `the text ${quoted(value)}`;
  }
  if (typeof value === 'number' || typeof value === 'boolean') {
    return `the ${typeof value === 'number' ? 'number' : 'truth value'} ${String(value)}`;
  }
  return typeName(value);
}

/** What sort of value it is, without the value: for Secrets. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) {
    return 'empty';
  }
  if (Array.isArray(value)) {
    return 'a list';
  }
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'number':
    case 'bigint':
      return 'a number';
    case 'boolean':
      return 'a truth value';
    case 'object':
      return 'a mapping';
    default:
      return 'no JSON value';
  }
}
