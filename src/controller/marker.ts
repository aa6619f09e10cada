import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EarlierCounts } from '../cluster/kubernetes/disappearance.ts';
import type { Logger } from '../observe/log.ts';
import { unfinishedPrefix, writeDurably } from '../nginx/durable-file.ts';
import { readPlainFile } from '../plain-file.ts';

/**
 * Says which generations were built from one complete listing. It lies in the state folder, which in a pod lives as
 * long as the pod: a gateway that is restarted while the API is away can tell by it that what nginx serves is complete,
 * and stays ready.
 */
function pathOf(stateDir: string): string {
  return join(stateDir, 'complete.json');
}

interface Marker {
  /** The one that was verified last. */
  readonly generation: string | null;
  /** The one that nginx was about to be given, which it serves where the gateway was killed before the proof. */
  readonly coming: string | null;
  /** How many objects of each kind the one that was verified last was built from. */
  readonly objects: EarlierCounts;
}

/** The generations that are complete; none where none was, or the file cannot be read. */
export async function readMarker(stateDir: string): Promise<ReadonlySet<string>> {
  const { generation, coming } = await read(stateDir);
  return new Set([generation, coming].filter((one) => one !== null));
}

/** Whether the marker says already that this generation was verified. */
export async function isMarked(stateDir: string, generation: string): Promise<boolean> {
  const marker = await read(stateDir);
  return marker.generation === generation && marker.coming === null;
}

/** How many objects of each kind there were when a generation was last verified; nothing where that is not known. */
export async function readCounts(stateDir: string): Promise<EarlierCounts> {
  return (await read(stateDir)).objects;
}

/** @throws the file system's own errors */
export async function writeMarker(
  stateDir: string,
  generation: string,
  objects: EarlierCounts,
): Promise<void> {
  await writeDurably(pathOf(stateDir), textOf({ generation, coming: null, objects }), 0o644);
}

/**
 * Adds the generation that nginx is about to be given.
 * @throws the file system's own errors
 */
export async function writeComing(stateDir: string, coming: string): Promise<void> {
  const { generation, objects } = await read(stateDir);
  // Not made durable, since that takes milliseconds of each change: what ends nginx as well need not be survived.
  const unfinished = join(stateDir, `${unfinishedPrefix}${randomBytes(8).toString('hex')}`);
  await writeFile(unfinished, textOf({ generation, coming, objects }), { mode: 0o644 });
  await rename(unfinished, pathOf(stateDir));
}

async function read(stateDir: string): Promise<Marker> {
  try {
    const marker = JSON.parse(await readPlainFile(pathOf(stateDir))) as Record<keyof Marker, unknown>;
    return {
      generation: textOrNull(marker.generation),
      coming: textOrNull(marker.coming),
      objects: countsOf(marker.objects),
    };
  } catch {
    // Missing or half written: then nothing is known to be complete.
    return { generation: null, coming: null, objects: {} };
  }
}

function countsOf(value: unknown): EarlierCounts {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter(([, count]) => Number.isInteger(count) && Number(count) >= 0));
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function textOf(marker: Marker): string {
  return `${JSON.stringify(marker)}\n`;
}

/** Marks a generation. Looked at each time: whoever removed the state folder has removed the marker as well. */
export async function keepMarked(
  { stateDir, counts, logger }: MarkOptions,
  generation: string,
): Promise<void> {
  if (!(await isMarked(stateDir, generation))) {
    try {
      await writeMarker(stateDir, generation, counts());
    } catch (error) {
      logger.warn('The marker of a complete generation could not be written', { error });
    }
  }
}

interface MarkOptions {
  readonly stateDir: string;
  readonly counts: () => EarlierCounts;
  readonly logger: Logger;
}
