import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where generated files stand, and who writes them. */
export interface GeneratedFolder {
  readonly folder: string;
  /** As people are told it. */
  readonly shown: string;
  /** What brings the files up to date. */
  readonly command: string;
}

/**
 * Writes the files that are not as they should be; with `check` only says which, and has the process exit with 1.
 * @param files texts by name, relative to the folder
 */
export async function bringUpToDate(
  { folder, shown, command }: GeneratedFolder,
  files: Readonly<Record<string, string>>,
  check: boolean,
): Promise<void> {
  const stale: string[] = [];
  for (const [file, wanted] of Object.entries(files)) {
    const path = join(folder, file);
    // A file that is missing is as stale as one that differs.
    const current = await readFile(path, 'utf8').catch(() => null);
    if (current === wanted) {
      continue;
    }
    stale.push(file);
    if (!check) {
      await writeFile(path, wanted);
    }
  }
  if (check && stale.length > 0) {
    process.stderr.write(`stale in ${shown}: ${stale.join(', ')}; run: ${command}\n`);
    process.exitCode = 1;
  }
}
