import { objectKey, type ObjectRef } from '../../model/object-ref.ts';
import type { Finding } from '../../model/verdict.ts';
import type { ClusterObject } from '../objects.ts';
import { readContent } from './file-content.ts';
import { findFiles, type FoundFile } from './file-tree.ts';
import { createManifestSet, type ManifestPlace } from './manifest-set.ts';
import { fileProblem, type ManifestProblem } from './problem.ts';
import { readEach } from './read-file.ts';

/** Everything in some manifests, read once. */
export interface ReadManifests {
  readonly objects: readonly ClusterObject[];
  readonly findings: readonly Finding[];
  /** Paths that do not exist, files that cannot be read, documents that do not parse. */
  readonly problems: readonly ManifestProblem[];
  /** Where an object (a refused one too) was read, or null. */
  locate(ref: ObjectRef): ManifestPlace | null;
}

/**
 * Reads files and directories once, for `render` and `check`. A pipe may be named outright (`/dev/stdin`); inside a
 * directory nobody has asked for it, and waiting for its writer could take for ever.
 */
export async function readManifests(paths: readonly string[]): Promise<ReadManifests> {
  const found = await findFiles(paths);
  const set = createManifestSet();
  for (const one of found.files.filter((file) => !isReadable(file))) {
    const message =
      'is a pipe, socket or device inside a directory, and skipped; put a file there, or name it itself with --manifests';
    set.keep(one.file, fileProblem(one.file, message));
  }
  await readEach(found.files.filter(isReadable), ({ file }, read) => {
    switch (read.outcome) {
      case 'text':
        set.put(file, readContent(read.text, file));
        break;
      case 'problem':
        set.keep(file, read.problem);
        break;
      case 'gone':
        set.keep(file, fileProblem(file, 'was deleted while it was read; run this again'));
        break;
    }
  });
  // A pipe that is named outright and also lies in a directory was found twice.
  const merged = set.merge([...new Set(found.files.map(({ file }) => file))]);
  return {
    objects: [...merged.objects.values()].map(({ object }) => object),
    findings: [...merged.findings.values()].flat(),
    problems: [...found.problems, ...merged.problems],
    locate(ref) {
      return merged.places.get(objectKey(ref)) ?? null;
    },
  };
}

function isReadable({ regular, outright }: FoundFile): boolean {
  return regular || outright;
}
