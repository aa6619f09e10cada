import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { readContent, type FileContent, type IgnoredEntry } from './file-content.ts';
import type { FoundFile, FoundFiles } from './file-tree.ts';
import { createManifestSet, type MergedManifests } from './manifest-set.ts';
import { fileProblem } from './problem.ts';
import { readEach, type ReadFile } from './read-file.ts';

/**
 * Milliseconds after which what looks like the middle of a write (a file that is gone, empty, cut off or does not
 * parse) counts as meant. Editors and `cp` are done within a few.
 */
const settleTime = 250;

/** Milliseconds; a file that appears and vanishes all the time must not keep the program busy. */
const shortestWait = 20;

/** What is known of one file from one look to the next. */
interface Look {
  fingerprint: string;
  /** SHA-256 of the text that is in the set; empty before the first. */
  hash: string;
  /** A change that has to look the same once more, `settleTime` later, before it counts. */
  pending: { readonly what: string; readonly since: number } | null;
}

export interface LookOptions {
  /** Absolute paths that are read again even though their fingerprint has not changed. */
  readonly named: ReadonlySet<string>;
  /** Whether a file that was not found is out of sight rather than gone. */
  isBlind(file: string): boolean;
}

export interface LookResult {
  /** Whether there is something new to merge. */
  readonly changed: boolean;
  /** In how many milliseconds something has to be looked at again to see whether it is meant; null for nothing. */
  readonly again: number | null;
}

export interface FileLooks {
  /** Reads what has changed. */
  look(found: FoundFiles, options: LookOptions): Promise<LookResult>;
  /** Joins what has been read; `order` as found, files no longer found come last. */
  merge(order: readonly string[]): MergedManifests;
}

/** Remembers files between looks; `onIgnored` is told of objects of other kinds whenever a file is taken over. */
export function createFileLooks(
  onIgnored: (file: string, ignored: readonly IgnoredEntry[]) => void,
): FileLooks {
  const set = createManifestSet();
  const looks = new Map<string, Look>();
  /** At the first look nothing is served yet that a half-written file could harm. */
  let first = true;
  let changed = false;

  /** True once the same thing has been seen for `settleTime`. */
  function settled(look: Look, what: string): boolean {
    const now = performance.now();
    if (look.pending?.what !== what) {
      look.pending = { what, since: now };
    }
    return now - look.pending.since >= settleTime;
  }

  function takeOver(look: Look, fingerprint: string, hash: string): void {
    look.fingerprint = fingerprint;
    look.hash = hash;
    look.pending = null;
  }

  function handleText(found: FoundFile, look: Look, text: string): void {
    const hash = createHash('sha256').update(text).digest('base64');
    if (hash === look.hash) {
      takeOver(look, found.fingerprint, hash);
      return;
    }
    const content = readContent(text, found.file);
    if (first || isComplete(text, content) || settled(look, hash)) {
      takeOver(look, found.fingerprint, hash);
      set.put(found.file, content);
      changed = true;
      onIgnored(found.file, content.ignored);
    }
  }

  function handle(found: FoundFile, read: ReadFile): void {
    const look = looks.get(found.file) ?? { fingerprint: '', hash: '', pending: null };
    looks.set(found.file, look);
    switch (read.outcome) {
      case 'text':
        handleText(found, look, read.text);
        break;
      case 'problem':
        if (first || settled(look, read.problem.message)) {
          takeOver(look, found.fingerprint, '');
          set.keep(found.file, read.problem);
          changed = true;
        }
        break;
      case 'gone':
        // The next look finds it missing, or new.
        look.fingerprint = '';
        break;
    }
  }

  function needsRead(found: FoundFile, named: ReadonlySet<string>): boolean {
    const look = looks.get(found.file);
    return (
      look === undefined ||
      look.fingerprint !== found.fingerprint ||
      look.pending !== null ||
      named.has(found.path)
    );
  }

  return {
    async look(found, options) {
      changed = false;
      const due = found.files.filter((one) => needsRead(one, options.named));
      for (const one of due.filter(({ regular }) => !regular)) {
        const message = 'is a pipe or device; only files and directories can be watched';
        handle(one, { outcome: 'problem', problem: fileProblem(one.file, message) });
      }
      await readEach(
        due.filter(({ regular }) => regular),
        handle,
      );
      const present = new Set(found.files.map(({ file }) => file));
      for (const [file, look] of looks) {
        if (present.has(file)) {
          continue;
        }
        if (options.isBlind(file)) {
          look.pending = null;
        } else if (settled(look, 'gone')) {
          looks.delete(file);
          set.remove(file);
          changed = true;
        }
      }
      first = false;
      const open = [...looks.values()].flatMap(({ pending }) => (pending === null ? [] : [pending.since]));
      const again =
        open.length === 0 ? null : Math.max(shortestWait, Math.min(...open) + settleTime - performance.now());
      return { changed, again };
    },
    merge(order) {
      const listed = new Set(order);
      const others = [...looks.keys()].filter((file) => !listed.has(file)).sort();
      return set.merge([...order, ...others]);
    },
  };
}

/** Whether a text can be taken as it is: a writer in the middle of it leaves it empty, cut off or unreadable. */
function isComplete(text: string, content: FileContent): boolean {
  const json = /^\s*[{[]/.test(text);
  return content.problems.length === 0 && text.trim() !== '' && (json || text.endsWith('\n'));
}
