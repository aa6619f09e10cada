import type { Kind, ObjectRef } from '../../model/object-ref.ts';
import type { Finding } from '../../model/verdict.ts';
import { isMapping } from '../ingest-fields.ts';
import { shown } from '../ingest-report.ts';
import { ingest, servedKinds } from '../ingest.ts';
import type { ClusterObject } from '../objects.ts';
import { parseDocuments } from './documents.ts';
import type { ManifestProblem } from './problem.ts';

/** Objects of one file, with those inside lists; more is a mistake or an attack. */
const maxObjects = 50_000;

/** What one document became. */
export interface ManifestEntry {
  readonly ref: ObjectRef;
  /** Null where it was refused. */
  readonly object: ClusterObject | null;
  readonly findings: readonly Finding[];
  /** Where its document starts, from 1. */
  readonly line: number;
}

/** An object of a kind that is not read. */
export interface IgnoredEntry {
  readonly kind: string;
  readonly apiVersion: string;
  readonly line: number;
}

export interface FileContent {
  readonly entries: readonly ManifestEntry[];
  readonly ignored: readonly IgnoredEntry[];
  readonly problems: readonly ManifestProblem[];
}

interface RawObject {
  readonly value: unknown;
  readonly line: number;
}

const listKinds = new Map(servedKinds().map(({ kind, apiVersion }) => [`${kind}List`, { kind, apiVersion }]));

/** Reads the objects in the text of one file. Nothing is thrown: what cannot be read is a problem or a finding. */
export function readContent(text: string, file: string): FileContent {
  const { documents, problems: parseProblems } = parseDocuments(text, file);
  const problems = [...parseProblems];
  const entries: ManifestEntry[] = [];
  const ignored: IgnoredEntry[] = [];
  for (const { value, line } of unwrapLists(documents, file, problems)) {
    const problem = notAnObject(value);
    if (problem !== null) {
      problems.push({ file, line, column: null, message: problem });
      continue;
    }
    const { object, findings, ref } = ingest(value, { strict: true });
    if (ref === null) {
      ignored.push({ ...kindOf(value), line });
    } else {
      entries.push({ ref, object, findings, line });
    }
  }
  return { entries, ignored, problems };
}

function kindOf(value: unknown): { kind: string; apiVersion: string } {
  const { kind, apiVersion } = value as { kind: string; apiVersion?: unknown };
  return {
    kind: kind.slice(0, 100),
    apiVersion: typeof apiVersion === 'string' ? apiVersion.slice(0, 100) : '',
  };
}

function notAnObject(value: unknown): string | null {
  if (!isMapping(value)) {
    return `is no Kubernetes object but ${shown(value)}; write apiVersion, kind and metadata`;
  }
  if (!Object.hasOwn(value, 'kind') || typeof value['kind'] !== 'string' || value['kind'] === '') {
    return 'has no kind; write apiVersion, kind and metadata';
  }
  if (isList(value['kind']) && !isAbsentOrList(value['items'])) {
    return `has items that are ${shown(value['items'])}; a list of objects is wanted`;
  }
  return null;
}

function isList(kind: string): boolean {
  return kind === 'List' || listKinds.has(kind);
}

function isAbsentOrList(items: unknown): boolean {
  return items === undefined || items === null || Array.isArray(items);
}

/** `kind: List` and `IngressList` and the like stand for their items, which may be lists again. */
function unwrapLists(
  documents: readonly RawObject[],
  file: string,
  problems: ManifestProblem[],
): RawObject[] {
  const objects: RawObject[] = [];
  const open = [...documents].reverse();
  // Lists opened count as well: one that contains itself through an alias would never end.
  let seen = 0;
  for (let raw = open.pop(); raw !== undefined; raw = open.pop()) {
    seen += 1;
    const items = itemsOf(raw.value);
    if (items === null) {
      objects.push(raw);
    } else if (seen + open.length + items.length > maxObjects) {
      problems.push({
        file,
        line: raw.line,
        column: null,
        message: `has lists of more than ${maxObjects} objects; spread them over several files`,
      });
      return objects;
    } else {
      for (const value of items.toReversed()) {
        open.push({ value, line: raw.line });
      }
    }
  }
  return objects;
}

function itemsOf(value: unknown): unknown[] | null {
  if (!isMapping(value) || typeof value['kind'] !== 'string') {
    return null;
  }
  const typed = listKinds.get(value['kind']);
  if (value['kind'] !== 'List' && typed === undefined) {
    return null;
  }
  const { items } = value;
  if (items === undefined || items === null) {
    return [];
  }
  if (!Array.isArray(items)) {
    return null;
  }
  return typed === undefined ? items : items.map((item: unknown) => withKind(item, typed));
}

/** Items of a typed list come without kind and apiVersion, as the API server sends them. */
function withKind(item: unknown, typed: { kind: Kind; apiVersion: string }): unknown {
  return isMapping(item) && item['kind'] === undefined ? { ...item, ...typed } : item;
}
