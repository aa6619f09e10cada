import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

/**
 * A folder of its own for a test, removed when the test ends. Its path is short (unix sockets) and others may pass
 * through it: workers of a root master are another user.
 */
export async function temporaryDirectory(t: Pick<TestContext, 'after'>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'cng-'));
  await chmod(folder, 0o755);
  t.after(async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return folder;
}
