import type { BigIntStats, Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileProblem, type ManifestProblem } from './problem.ts';

const manifestName = /\.(?:yaml|yml|json)$/;
const maxDepth = 32;
const maxFiles = 50_000;

/** A file that holds manifests. */
export interface FoundFile {
  /** For people: as the path was given, joined with the name inside the directory. */
  readonly file: string;
  /** Absolute. */
  readonly path: string;
  /** Changes whenever the content may have changed. */
  readonly fingerprint: string;
  /** Bytes. */
  readonly size: number;
  /** Pipes and devices can be read once, and only where they are named outright. */
  readonly regular: boolean;
  /** Whether it is one of the given paths itself, and not inside one. */
  readonly outright: boolean;
}

export interface FoundFiles {
  /** In the order of precedence: as the paths are given, inside a directory by name. */
  readonly files: readonly FoundFile[];
  readonly problems: readonly ManifestProblem[];
  /** Files and directories (as in `file`) that are there and could not be looked into. */
  readonly blind: readonly string[];
  /** Given paths that do not exist: a folder that is gone as a whole, be it a mount, is not a folder that was emptied. */
  readonly missing: readonly string[];
}

interface Walk {
  readonly files: FoundFile[];
  readonly problems: ManifestProblem[];
  readonly blind: string[];
  readonly missing: string[];
  /** Device and inode of what has been visited: a link back up, or a file named twice, is read once. */
  readonly visited: Set<string>;
}

/**
 * Finds the manifests under the given paths. Links are followed, hidden entries skipped (in a mounted ConfigMap the
 * visible names are links into the hidden `..data`).
 */
export async function findFiles(paths: readonly string[]): Promise<FoundFiles> {
  const walk: Walk = { files: [], problems: [], blind: [], missing: [], visited: new Set() };
  for (const path of paths) {
    await visit(walk, path, await look(path), 0);
  }
  return walk;
}

/** Whether a file inside a directory is read, by its name. */
export function isManifestName(name: string): boolean {
  return manifestName.test(name);
}

/** The stats of a path, or the error that the system gave instead. */
function look(file: string): Promise<BigIntStats | Error> {
  return stat(resolve(file), { bigint: true }).catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  );
}

async function visit(walk: Walk, file: string, stats: BigIntStats | Error, depth: number): Promise<void> {
  if (stats instanceof Error) {
    reportUnreachable(walk, file, stats);
    if (depth === 0 && isAbsent(stats)) {
      walk.missing.push(file);
    }
    return;
  }
  const identity = `${stats.dev}:${stats.ino}`;
  const outright = depth === 0;
  const wanted = stats.isDirectory() || outright || isManifestName(file);
  if (!wanted || walk.visited.has(identity)) {
    return;
  }
  if (stats.isFile() || stats.isDirectory() || outright) {
    // A pipe inside a directory is not read: it must not keep the same one from being read where it is named.
    walk.visited.add(identity);
  }
  if (stats.isDirectory()) {
    await visitDirectory(walk, file, depth);
    return;
  }
  if (walk.files.length >= maxFiles) {
    walk.problems.push(fileProblem(file, `is not read: there are more than ${maxFiles} files`));
    return;
  }
  walk.files.push({
    file,
    path: resolve(file),
    fingerprint: `${identity}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
    size: Number(stats.size),
    regular: stats.isFile(),
    outright,
  });
}

async function visitDirectory(walk: Walk, directory: string, depth: number): Promise<void> {
  if (depth >= maxDepth) {
    walk.problems.push(fileProblem(directory, `is not read: it is more than ${maxDepth} directories deep`));
    return;
  }
  let entries: Dirent[];
  try {
    entries = await readdir(resolve(directory), { withFileTypes: true });
  } catch (error) {
    reportUnreachable(walk, directory, error);
    return;
  }
  const files = entries
    // A plain file needs no look unless its name is a manifest's; a link may lead to a directory.
    .filter((entry) => !entry.name.startsWith('.') && (!entry.isFile() || isManifestName(entry.name)))
    .map((entry) => join(directory, entry.name))
    .sort();
  const looks = await Promise.all(files.map(async (file) => ({ file, stats: await look(file) })));
  for (const { file, stats } of looks) {
    await visit(walk, file, stats, depth + 1);
  }
}

function reportUnreachable(walk: Walk, file: string, error: unknown): void {
  const code = errorCode(error);
  if (isAbsent(error)) {
    walk.problems.push(
      fileProblem(file, 'does not exist (or is a link to nothing); create it or correct the path'),
    );
    return;
  }
  walk.blind.push(file);
  walk.problems.push(
    fileProblem(
      file,
      `cannot be looked into (${code}); allow this user to read it; what was read from it before stays`,
    ),
  );
}

function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errorCode(error));
}

/** The code of a failed system call, such as `EACCES`; `unknown` for other errors. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
