import { sep } from 'node:path';
import { objectKey, type ObjectRef } from '../../model/object-ref.ts';
import { sameValue } from '../object-shape.ts';
import type { ClusterObject } from '../objects.ts';
import { refOf, type Changes, type Store } from '../store.ts';
import { createFileLooks } from './file-looks.ts';
import { errorCode, findFiles, type FoundFiles } from './file-tree.ts';
import type { ManifestPlace, MergedManifests } from './manifest-set.ts';
import { fileProblem, type ManifestProblem } from './problem.ts';
import { createSchedule } from './schedule.ts';
import { watchPaths, type FolderWatch } from './watch.ts';

/** Milliseconds between looks where nothing is heard: for file systems that send no events. */
const idleLook = 10_000;
/** The same while something is known to send none. */
const blindLook = 1000;

/** Times a tree that changes while it is read is read before it is published. */
const maxAttempts = 4;

/** Failures of a watch that mean all of it. */
const exhausted: ReadonlySet<string> = new Set(['ENOSPC', 'EMFILE', 'ENFILE']);

/** The name under which manifests stand in the store. */
export const manifestSourceName = 'manifests';

/** What is logged: a static message and fields. */
export interface ManifestLog {
  debug(message: string, fields: object): void;
  info(message: string, fields: object): void;
  warn(message: string, fields: object): void;
}

export interface ManifestSourceOptions {
  /** Files and directories; where two have the same object, the first counts. */
  readonly paths: readonly string[];
  readonly store: Store;
  readonly log?: ManifestLog;
  /** Called with the whole list whenever it changes. */
  onProblems?(problems: readonly ManifestProblem[]): void;
}

export interface ManifestSource {
  /** Resolves once everything has been read once and is in the store. */
  start(): Promise<void>;
  /** Ends the watch and waits for a look in progress. The store keeps what it has. */
  stop(): Promise<void>;
  problems(): readonly ManifestProblem[];
  /** Where an object (a refused one too) was read, or null. */
  locate(ref: ObjectRef): ManifestPlace | null;
}

/**
 * Keeps the store equal to the manifests under some paths. An event only means "look again": the tree is walked,
 * what has another fingerprint is read, and all of it goes to the store as one change.
 */
export function createManifestSource(options: ManifestSourceOptions): ManifestSource {
  const { paths, store, log } = options;
  const looks = createFileLooks((file, ignored) => {
    for (const entry of ignored) {
      log?.debug('An object of a kind that is not read is ignored', { file, ...entry });
    }
  });
  const schedule = createSchedule(look);
  let merged: MergedManifests = looks.merge([]);
  let problems: readonly ManifestProblem[] = [];
  let watchProblem: ManifestProblem | null = null;
  let watch: FolderWatch | null = null;
  let touched = new Set<string>();
  let wasBlind = false;

  function listen(): FolderWatch {
    return watchPaths(paths, {
      touched(path) {
        touched.add(path);
        schedule.afterQuiet();
      },
      failed(error) {
        const code = errorCode(error);
        if (exhausted.has(code)) {
          watchProblem ??= fileProblem(
            paths.join(', '),
            `cannot be watched (${code}: too many files for fs.inotify.max_user_watches or the limit of open files); raise the limit and start anew; until then it is looked at every second`,
          );
        }
        // Errors about one path are found, and worded, by the look itself.
        schedule.afterQuiet();
      },
    });
  }

  /** The watch may have given up on what it could not enter; once that can be entered, it is set up anew. */
  function renewWatch(isBlind: boolean): void {
    if (wasBlind && !isBlind && watch !== null) {
      const old = watch;
      watch = listen();
      old.close().catch((error: unknown) => {
        log?.warn('An old watch could not be closed', { error: String(error) });
      });
    }
    wasBlind = isBlind;
  }

  async function look(): Promise<void> {
    const named = touched;
    touched = new Set();
    try {
      const { found, again } = await readTree(named);
      if (schedule.isStopped()) {
        return;
      }
      publish(found);
      renewWatch(found.blind.length > 0 || found.missing.length > 0);
      schedule.within(again ?? idleLook);
    } catch (error) {
      log?.warn('The manifests could not be looked at', { error: String(error) });
    }
    schedule.within(watchProblem === null && !wasBlind ? idleLook : blindLook);
  }

  /**
   * Reads what has changed, and again where the files have changed meanwhile: half a swap of a directory is not
   * published. Where they never rest, what was read last goes out.
   */
  async function readTree(named: ReadonlySet<string>): Promise<{ found: FoundFiles; again: number | null }> {
    let found = await findFiles(paths);
    for (let attempt = 1; ; attempt += 1) {
      const { blind, missing } = found;
      const { changed, again } = await looks.look(found, {
        named: attempt === 1 ? named : new Set(),
        isBlind: (file) => isUnder(blind, file) || isInside(missing, file),
      });
      const after = changed && attempt < maxAttempts ? await findFiles(paths) : found;
      if (after === found || sameFiles(found, after)) {
        return { found: after, again };
      }
      found = after;
    }
  }

  function publish(found: FoundFiles): void {
    const before = merged;
    merged = looks.merge(found.files.map(({ file }) => file));
    store.apply(changesBetween(before, merged), manifestSourceName);
    const all = [...found.problems, ...merged.problems];
    publishProblems(watchProblem === null ? all : [watchProblem, ...all]);
  }

  function publishProblems(next: readonly ManifestProblem[]): void {
    if (sameValue(problems, next)) {
      return;
    }
    const before = problems;
    problems = Object.freeze([...next]);
    for (const problem of missingFrom(before, next)) {
      log?.warn('A manifest has a problem', problem);
    }
    for (const problem of missingFrom(next, before)) {
      log?.info('A problem of a manifest is gone', problem);
    }
    options.onProblems?.(problems);
  }

  return {
    async start() {
      watch = listen();
      await schedule.runNow();
    },
    async stop() {
      await Promise.all([watch?.close(), schedule.stop()]);
    },
    problems: () => problems,
    locate: (ref) => merged.places.get(objectKey(ref)) ?? null,
  };
}

/** Problems of `list` that `known` has not. */
function missingFrom(known: readonly ManifestProblem[], list: readonly ManifestProblem[]): ManifestProblem[] {
  return list.filter((problem) => !known.some((one) => sameValue(one, problem)));
}

function sameFiles(a: FoundFiles, b: FoundFiles): boolean {
  return (
    a.files.length === b.files.length &&
    a.files.every(
      (one, index) => one.file === b.files[index]?.file && one.fingerprint === b.files[index].fingerprint,
    )
  );
}

function isUnder(directories: readonly string[], file: string): boolean {
  return directories.includes(file) || isInside(directories, file);
}

/** Without the paths themselves: a file that was given outright and is gone was deleted. */
function isInside(directories: readonly string[], file: string): boolean {
  return directories.some((directory) => file.startsWith(directory + sep));
}

function changesBetween(before: MergedManifests, after: MergedManifests): Changes {
  const set: ClusterObject[] = [];
  const deleted: ObjectRef[] = [];
  for (const [key, { object }] of after.objects) {
    if (before.objects.get(key)?.object !== object) {
      set.push(object);
    }
  }
  for (const [key, { object }] of before.objects) {
    if (!after.objects.has(key)) {
      deleted.push(refOf(object));
    }
  }
  const findings = new Map(after.findings);
  for (const file of before.findings.keys()) {
    if (!findings.has(file)) {
      findings.set(file, []);
    }
  }
  return { set, deleted, findings };
}
