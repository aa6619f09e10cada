import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { readPlainFile } from '../../plain-file.ts';
import { at, parseJson } from './api-json.ts';

/** What was last said about an object: which object it was, and the print of its verdict. */
export interface Said {
  readonly uid: string;
  readonly print: string;
}

/** By `Kind/namespace/name`. */
export type SaidByObject = ReadonlyMap<string, Said>;

/** Outlives the process, so that a restart does not say again what was said. */
export interface EventMemory {
  /** Null where nothing is remembered. Rejects where what there is cannot be read. */
  load(): Promise<SaidByObject | null>;
  save(said: SaidByObject): Promise<void>;
}

const version = 1;

/** Remembers in a file, which is replaced as a whole. A file that is none of ours counts as no memory. */
export function createFileMemory(path: string): EventMemory {
  return {
    async load() {
      let text: string;
      try {
        text = await readPlainFile(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
          return null;
        }
        throw error;
      }
      return readMemory(parseJson(text));
    },
    async save(said) {
      const unfinished = `${path}.${randomBytes(6).toString('hex')}`;
      const objects = [...said].map(([key, { uid, print }]) => [key, uid, print]);
      try {
        await writeFile(unfinished, JSON.stringify({ version, said: objects }), { flag: 'wx', mode: 0o640 });
        await rename(unfinished, path);
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    },
  };
}

function readMemory(json: unknown): SaidByObject | null {
  const objects = at(json, 'said');
  if (at(json, 'version') !== version || !Array.isArray(objects)) {
    return null;
  }
  const said = new Map<string, Said>();
  for (const entry of objects as unknown[]) {
    if (Array.isArray(entry) && entry.length === 3 && entry.every((part) => typeof part === 'string')) {
      const [key = '', uid = '', print = ''] = entry;
      said.set(key, { uid, print });
    }
  }
  return said;
}
