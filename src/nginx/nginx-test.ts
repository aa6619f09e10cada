import { rm } from 'node:fs/promises';
import { blamesMachine, parseMessages, refusalsOf, type NginxMessage } from './message.ts';
import { runBounded } from './process-run.ts';
import { scrub } from './scrub.ts';
import type { StatePaths } from './state-directory.ts';

/** What `nginx -t` made of a text. `no-verdict` says nothing about the text. */
export type TestVerdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'no'; readonly messages: readonly NginxMessage[] }
  | { readonly kind: 'no-verdict'; readonly reason: string; readonly timedOut: boolean };

/**
 * Has nginx test a staged configuration. Measured on 1.22.1 and 1.30.6: it leaves the pid file and the unix sockets
 * of a running nginx alone, does not mind ports and sockets in use, creates an empty pid file where there is none,
 * opens (creates) every log the text names and creates the folders for temporary files. `deadlineMs` ends it.
 */
export async function testConfiguration(
  binary: string,
  paths: StatePaths,
  configPath: string,
  deadlineMs: number,
): Promise<TestVerdict> {
  // What it says comes on standard error, too; the file would only grow. nginx says so itself if it cannot be had.
  await rm(paths.testLog, { force: true }).catch(() => undefined);
  const result = await runBounded({
    file: binary,
    args: ['-t', '-q', '-p', paths.root, '-c', configPath, '-e', paths.testLog],
    deadlineMs,
  });
  if (result.noVerdict !== null) {
    return { kind: 'no-verdict', reason: result.noVerdict, timedOut: result.timedOut };
  }
  if (result.signal !== null) {
    return { kind: 'no-verdict', reason: `it was killed by ${result.signal}`, timedOut: false };
  }
  const messages = refusalsOf(parseMessages(result.output));
  const machine = messages.find(blamesMachine);
  if (machine !== undefined) {
    return { kind: 'no-verdict', reason: scrub(machine.text, paths.root), timedOut: false };
  }
  if (messages.length > 0 && (result.exitCode === 0 || result.exitCode === 1)) {
    return { kind: 'no', messages };
  }
  if (result.exitCode === 0) {
    return { kind: 'ok' };
  }
  const said = scrub(result.output.trim().split('\n').at(-1) ?? '', paths.root) || 'no word';
  return { kind: 'no-verdict', reason: `exit code ${result.exitCode}: ${said}`, timedOut: false };
}
