import { stat } from 'node:fs/promises';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { readPlainFile } from '../plain-file.ts';
import { symlinkTarget, writeDurably } from './durable-file.ts';
import { clearUnfinished } from './staging.ts';
import type { StatePaths } from './state-directory.ts';

/** A configuration that nginx was seen to serve. */
export interface VerifiedConfiguration {
  readonly generation: string;
  readonly text: string;
  /** Paths of the artifacts it names, relative to the state directory. */
  readonly files: readonly string[];
}

interface VerifiedRecord {
  readonly generation: string;
  readonly sha256: string;
  readonly files: readonly string[];
}

/** Makes a text the live nginx.conf, at the end of its symlinks. Rejects with the system's error. */
export async function swapLiveText(configPath: string, text: string): Promise<void> {
  await writeDurably(await symlinkTarget(configPath), text, 0o644);
}

/** What tells one live nginx.conf from the next; null where there is none. */
export async function liveTextMark(configPath: string): Promise<string | null> {
  const found = await stat(configPath).catch(() => null);
  return found === null ? null : `${found.dev} ${found.ino} ${found.mtimeMs}`;
}

/** Removes what a crash left unfinished beside the live nginx.conf. */
export async function clearUnfinishedSwap(configPath: string): Promise<void> {
  await clearUnfinished(path.dirname(await symlinkTarget(configPath)));
}

/** Remembers a configuration as the one nginx is to start from. Rejects with the system's error. */
export async function saveVerified(paths: StatePaths, verified: VerifiedConfiguration): Promise<void> {
  const record: VerifiedRecord = {
    generation: verified.generation,
    sha256: sha256(verified.text),
    files: verified.files,
  };
  await writeDurably(paths.verifiedText, verified.text, 0o640);
  await writeDurably(paths.verifiedRecord, `${JSON.stringify(record)}\n`, 0o640);
}

/** The configuration remembered last, or null where there is none or a crash left text and record apart. */
export async function loadVerified(paths: StatePaths): Promise<VerifiedConfiguration | null> {
  const text = await readPlainFile(paths.verifiedText).catch(() => null);
  const record = parseRecord(await readPlainFile(paths.verifiedRecord).catch(() => ''));
  if (text === null || record === null || record.sha256 !== sha256(text)) {
    return null;
  }
  return { generation: record.generation, text, files: record.files };
}

function parseRecord(json: string): VerifiedRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // Empty or cut short: as good as absent.
    return null;
  }
  if (typeof value !== 'object' || value === null) {
    return null;
  }
  const { generation, sha256: digest, files } = value as Partial<Record<keyof VerifiedRecord, unknown>>;
  const whole =
    typeof generation === 'string' &&
    typeof digest === 'string' &&
    Array.isArray(files) &&
    files.every((file) => typeof file === 'string');
  return whole ? { generation, sha256: digest, files } : null;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
