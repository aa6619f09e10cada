import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

/** A new folder and what removes it; see `temporaryDirectory`. */
export async function makeTemporaryDirectory(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'cng-'));
  await chmod(folder, 0o755);
  return {
    folder,
    remove: async () => {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * A folder of its own for a test, removed when the test ends. Its path is short (unix sockets) and others may pass
 * through it: workers of a root master are another user.
 */
export async function temporaryDirectory(t: Pick<TestContext, 'after'>): Promise<string> {
  const { folder, remove } = await makeTemporaryDirectory();
  t.after(remove);
  return folder;
}
