import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../nginx/durable-file.ts';

/**
 * Says which generation was built from one complete listing and verified. It lies in the state folder, which in a
 * pod lives as long as the pod: a gateway that is restarted while the API is away can tell by it that what nginx
 * serves is complete, and stays ready.
 */
function pathOf(stateDir: string): string {
  return join(stateDir, 'complete.json');
}

/** The generation that was complete; null where none was, or the file cannot be read. */
export async function readMarker(stateDir: string): Promise<string | null> {
  try {
    const marker = JSON.parse(await readFile(pathOf(stateDir), 'utf8')) as { readonly generation?: unknown };
    return typeof marker.generation === 'string' ? marker.generation : null;
  } catch {
    // Missing or half written: then nothing is known to be complete.
    return null;
  }
}

/** @throws the file system's own errors */
export async function writeMarker(stateDir: string, generation: string): Promise<void> {
  await writeDurably(pathOf(stateDir), `${JSON.stringify({ generation })}\n`, 0o644);
}
