import { objectKey, type ObjectKey } from '../../model/object-ref.ts';
import type { Finding } from '../../model/verdict.ts';
import { sameObject } from '../object-shape.ts';
import type { ClusterObject } from '../objects.ts';
import type { FileContent, ManifestEntry } from './file-content.ts';
import type { ManifestProblem } from './problem.ts';

/** Where an object was read. */
export interface ManifestPlace {
  readonly file: string;
  /** Where its document starts, from 1. */
  readonly line: number;
}

export interface PlacedObject extends ManifestPlace {
  readonly object: ClusterObject;
}

/** What all files together say. */
export interface MergedManifests {
  readonly objects: ReadonlyMap<ObjectKey, PlacedObject>;
  /** Where each object stands, the refused ones included. */
  readonly places: ReadonlyMap<ObjectKey, ManifestPlace>;
  /** By file; files without findings are left out. */
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
  readonly problems: readonly ManifestProblem[];
}

/** The content of each file in its last good form. */
export interface ManifestSet {
  /** The file has been read. What is broken in it keeps its last good form. */
  put(file: string, content: FileContent): void;
  /** The file is there and cannot be read: all of it keeps its last good form. */
  keep(file: string, problem: ManifestProblem): void;
  remove(file: string): void;
  /** Joins the files; `order` says which of them goes first where two have the same object. */
  merge(order: readonly string[]): MergedManifests;
}

interface FileState {
  readonly entries: readonly ManifestEntry[];
  readonly problems: readonly ManifestProblem[];
}

/** A set of no files. */
export function createManifestSet(): ManifestSet {
  const files = new Map<string, FileState>();
  return {
    put(file, content) {
      const before = files.get(file)?.entries ?? [];
      files.set(file, { entries: withLastGood(content, before), problems: content.problems });
    },
    keep(file, problem) {
      files.set(file, { entries: files.get(file)?.entries ?? [], problems: [problem] });
    },
    remove(file) {
      files.delete(file);
    },
    merge(order) {
      return mergeFiles(files, order);
    },
  };
}

/**
 * An API server that refuses an edit keeps the object as it was, and so does this: a refused object stays in its
 * last form; and where a document does not parse, every object that may have been in it stays.
 */
function withLastGood(content: FileContent, before: readonly ManifestEntry[]): ManifestEntry[] {
  const lastGood = new Map<ObjectKey, ManifestEntry>();
  for (const entry of before) {
    const key = objectKey(entry.ref);
    if (entry.object !== null && !lastGood.has(key)) {
      lastGood.set(key, entry);
    }
  }
  const entries = content.entries.map((entry) => {
    const kept = entry.object === null ? lastGood.get(objectKey(entry.ref)) : undefined;
    return kept === undefined ? entry : keptInstead(entry, kept);
  });
  if (content.problems.length > 0) {
    const readable = new Set(entries.map((entry) => objectKey(entry.ref)));
    for (const [key, entry] of lastGood) {
      if (!readable.has(key)) {
        entries.push(entry);
      }
    }
  }
  return entries;
}

function keptInstead(refused: ManifestEntry, kept: ManifestEntry): ManifestEntry {
  const note: Finding = {
    object: refused.ref,
    state: 'rejected',
    reason: { field: '', message: 'stays as it was before this edit until the fields above are right' },
  };
  return { ...refused, object: kept.object, findings: [...refused.findings, note] };
}

function mergeFiles(files: ReadonlyMap<string, FileState>, order: readonly string[]): MergedManifests {
  const objects = new Map<ObjectKey, PlacedObject>();
  const places = new Map<ObjectKey, ManifestPlace>();
  const findings = new Map<string, Finding[]>();
  const problems: ManifestProblem[] = [];
  for (const file of order) {
    const state = files.get(file);
    if (state === undefined) {
      continue;
    }
    problems.push(...state.problems);
    const found: Finding[] = [];
    for (const entry of state.entries) {
      const key = objectKey(entry.ref);
      const { object, line } = entry;
      const first = objects.get(key);
      if (first !== undefined && object !== null) {
        if (!sameObject(first.object, object)) {
          found.push(duplicate(entry, first, file));
        }
        continue;
      }
      found.push(...entry.findings);
      if (object !== null) {
        objects.set(key, { object, file, line });
      }
      if (object !== null || !places.has(key)) {
        places.set(key, { file, line });
      }
    }
    if (found.length > 0) {
      findings.set(file, found);
    }
  }
  return { objects, places, findings, problems };
}

function duplicate(entry: ManifestEntry, first: ManifestPlace, file: string): Finding {
  const message =
    `is also in ${file}, line ${entry.line}, with another content; ` +
    `the one in ${first.file}, line ${first.line}, is used: remove one of the two`;
  return { object: entry.ref, state: 'conflict', reason: { field: 'metadata.name', message } };
}
