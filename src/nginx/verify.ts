import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NginxMessage } from './message.ts';

/** One fresh connection may take this long; nginx answers in well under a millisecond unless it is stopped. */
const answerDeadlineMs = 1_000;

/**
 * Asks the private socket over a connection of its own which generation answers. Null when nobody does: no socket,
 * refused, no answer in time, or not an answer.
 */
export async function askGeneration(socketPath: string): Promise<string | null> {
  return (await ask(socketPath)).generation;
}

interface Heard {
  readonly generation: string | null;
  /** False where nobody even listens. */
  readonly isThere: boolean;
}

async function ask(socketPath: string): Promise<Heard> {
  return await new Promise((resolve) => {
    const socket = connect(socketPath);
    let answer = '';
    let isThere = true;
    function finish(): void {
      clearTimeout(timer);
      socket.destroy();
      const body = /^HTTP\/1\.[01] 200 [\s\S]*?\r\n\r\n([\s\S]*)$/.exec(answer)?.[1]?.trim();
      resolve({ generation: body === undefined || body === '' ? null : body, isThere });
    }
    const timer = setTimeout(finish, answerDeadlineMs);
    socket.on('connect', () => {
      // HTTP/1.0 without keep-alive: nginx closes, and the connection can never serve a second answer.
      socket.write('GET /generation HTTP/1.0\r\n\r\n');
    });
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (answer.length > 4096) {
        finish();
      }
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      isThere = error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED';
      finish();
    });
    socket.on('close', finish);
  });
}

export interface VerifyOptions {
  readonly privateSocket: string;
  readonly generation: string;
  readonly quietMs: number;
  readonly deadlineMs: number;
  /** How long nobody may listen at all before it is given up, in milliseconds; 5000 by default. */
  readonly absentMs?: number;
  /** What nginx has said since the signal that ends the reload; empty as long as it may still succeed. */
  readonly refusals: () => Promise<readonly NginxMessage[]>;
  /** Whether somebody has put another text in the place of the live one meanwhile: then nginx may never serve ours. */
  readonly isReplaced?: () => Promise<boolean>;
}

export type VerifyResult =
  | { readonly kind: 'verified' }
  | { readonly kind: 'refused'; readonly messages: readonly NginxMessage[] }
  /** `lastSeen` is the generation that answered last, null when nobody did. */
  | { readonly kind: 'timeout'; readonly lastSeen: string | null }
  /** Nobody has listened for `absentMs`: nginx has ended. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'replaced' };

/** An nginx that was started or signalled listens already: this is for reload scripts that do not wait for it. */
const defaultAbsentMs = 5_000;

/** Old workers accept beside new ones for a while: one round asks often enough to meet them. */
const connectionsPerRound = 4;
const roundPauseMs = 6;

/**
 * Waits until no fresh connection has answered with another generation for `quietMs`, counted from the first answer
 * of the new one. The first new answer proves nothing: up to 853 old ones came after it, over 116 ms.
 */
export async function verifyGeneration(options: VerifyOptions): Promise<VerifyResult> {
  const deadline = performance.now() + options.deadlineMs;
  const absentMs = options.absentMs ?? defaultAbsentMs;
  let quietSince: number | null = null;
  let absentSince: number | null = null;
  let rounds = 0;
  let lastSeen: string | null = null;
  for (;;) {
    const width = quietSince === null ? 1 : connectionsPerRound;
    const heard = await Promise.all(
      Array.from({ length: width }, async () => await ask(options.privateSocket)),
    );
    const answers = heard.map(({ generation }) => generation);
    const now = performance.now();
    absentSince = heard.some(({ isThere }) => isThere) ? null : (absentSince ?? now);
    lastSeen = answers.find((answer) => answer !== null) ?? lastSeen;
    if (answers.some((answer) => answer !== null && answer !== options.generation)) {
      quietSince = null;
      rounds = 0;
    } else if (answers.includes(options.generation)) {
      quietSince ??= now;
      rounds += 1;
      // Rounds count too: a pause of this process must not pass for silence of the old workers.
      if (now - quietSince >= options.quietMs && rounds * roundPauseMs * 4 >= options.quietMs) {
        return { kind: 'verified' };
      }
    }
    const messages = await options.refusals();
    if (messages.length > 0) {
      return { kind: 'refused', messages };
    }
    if (absentSince !== null && now - absentSince >= absentMs) {
      return { kind: 'absent' };
    }
    if ((await options.isReplaced?.()) === true) {
      return { kind: 'replaced' };
    }
    if (now >= deadline) {
      return { kind: 'timeout', lastSeen };
    }
    await sleep(roundPauseMs);
  }
}
