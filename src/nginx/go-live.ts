import { gatewayError } from '../errors.ts';
import type { Candidate } from '../model/candidate.ts';
import type { Fault, Stage } from './apply-result.ts';
import { markErrorLog, type ErrorLogMark } from './error-log.ts';
import { identityOf, type LiveSite, type Timed } from './live-site.ts';
import type { NginxMessage } from './message.ts';
import { findNginx } from './process-table.ts';
import { runReloadScript } from './reload.ts';
import { scrub } from './scrub.ts';
import { clearTheWay, retireUnreachable } from './supervise.ts';
import { liveTextMark, swapLiveText } from './swap.ts';
import { verifyGeneration, type VerifyResult } from './verify.ts';

export type GoLiveResult =
  | { readonly kind: 'live' }
  /** nginx said no after its test had passed. It goes on as before, or does not run. */
  | { readonly kind: 'refused'; readonly messages: readonly NginxMessage[]; readonly reason: string }
  | { readonly kind: 'environment'; readonly fault: Fault };

/**
 * Makes a tested candidate the live one and waits for the proof, at most `verifyMs`. Rejects with the system's
 * error when the live text cannot be written.
 */
export async function goLive(
  site: LiveSite,
  candidate: Pick<Candidate, 'generation' | 'text'>,
  verifyMs: number,
  timed: Timed,
): Promise<GoLiveResult> {
  const { master, ...found } = await findNginx(identityOf(site));
  if (master?.stopped === true) {
    // A signal would wait there until it continues, and the next apply would add another.
    return environment('reload', `the nginx master ${master.pid} is stopped; continue it with SIGCONT`);
  }
  await clearTheWay(site, { master, ...found });
  await timed(
    'swap',
    async () => await swapLiveText(site.configPath, candidate.text),
    () => false,
  );
  const written = await liveTextMark(site.configPath);
  const mark = await markErrorLog(site.paths.errorLog);
  const task = { site, generation: candidate.generation, verifyMs, timed, mark, written };
  try {
    // Somebody's `nginx -t` may log to the same file; what ends a reload is said by the master.
    const first = await signalAndVerify(task, (pid) => master === null || pid === master.pid);
    const retired = first.isUnheard ? await retireUnreachable(site) : null;
    if (retired === null) {
      return first.result;
    }
    // The old one complains of the lost socket while it ends.
    const second = await signalAndVerify(task, (pid) => pid !== retired);
    return second.result;
  } finally {
    await mark.close();
  }
}

interface Task {
  readonly site: LiveSite;
  readonly generation: string;
  readonly verifyMs: number;
  readonly timed: Timed;
  readonly mark: ErrorLogMark;
  /** Of the live text as it was written. */
  readonly written: string | null;
}

/** Whether what the process with this pid says is about the reload. */
type Speaker = (pid: number | null) => boolean;

/** `isUnheard`: nginx was started or signalled, and nobody at all has answered since. */
async function signalAndVerify(
  { site, generation, verifyMs, timed, mark, written }: Task,
  counts: Speaker,
): Promise<{ result: GoLiveResult; isUnheard: boolean }> {
  const refused = await signal(site, timed);
  if (refused !== null) {
    return { result: refused, isUnheard: false };
  }
  const said: NginxMessage[] = [];
  const proof = await timed(
    'verify',
    async () =>
      await verifyGeneration({
        privateSocket: site.paths.privateSocket,
        generation,
        quietMs: site.quietMs,
        deadlineMs: verifyMs,
        refusals: async () => await newRefusals(mark, counts, said),
        // The agent of an nginx that ended starts it from the text that was verified last.
        isReplaced: async () => (await liveTextMark(site.configPath)) !== written,
      }),
    (result) => result.kind !== 'verified',
  );
  const isUnheard = proof.kind === 'absent' || (proof.kind === 'timeout' && proof.lastSeen === null);
  return { result: await conclude(site, generation, verifyMs, proof, said), isUnheard };
}

/** Runs the reload script; null when nginx is now on its own with the new text. */
async function signal(site: LiveSite, timed: Timed): Promise<GoLiveResult | null> {
  const verdict = await timed(
    'reload',
    async () => await runReloadScript({ ...site, script: site.reloadScript, deadlineMs: site.reloadMs }),
    (result) => result.kind !== 'done',
  );
  if (verdict.kind === 'done') {
    return null;
  }
  if (verdict.kind === 'no') {
    const messages = decisive(verdict.messages);
    const [first] = messages;
    // The last line of a failed start is "still could not bind()", which names no port.
    const reason = first === undefined ? verdict.reason : scrub(first.text, site.paths.root);
    return { kind: 'refused', messages, reason };
  }
  const error = verdict.timedOut
    ? gatewayError('CNG_RELOAD_DEADLINE', { seconds: site.reloadMs / 1000 })
    : gatewayError('CNG_RELOAD_FAILED', { reason: verdict.reason });
  return environment('reload', error.message);
}

async function newRefusals(
  mark: ErrorLogMark,
  counts: Speaker,
  said: NginxMessage[],
): Promise<readonly NginxMessage[]> {
  for (const message of await mark.read()) {
    const severe = message.level === 'emerg' || message.level === 'alert';
    if (severe && counts(message.pid)) {
      said.push(message);
    }
  }
  return said.some(isFinal) ? decisive(said) : [];
}

/**
 * Whether a message of the master is the end of a reload. A port in use is tried five times over 2.5 s and may come
 * free: the end of that is "still could not bind()". A worker that dies at once is logged as an alert.
 */
function isFinal(message: NginxMessage): boolean {
  const triedAgain = message.text.startsWith('bind() to ') && message.text.includes('(98: ');
  return (message.level === 'emerg' && !triedAgain) || message.text.includes('cannot be respawned');
}

/** Each message once (bind() says the same five times), those that say something first. */
function decisive(said: readonly NginxMessage[]): NginxMessage[] {
  const byText = new Map<string, NginxMessage>();
  for (const message of said) {
    if (message.level === 'emerg' || message.text.includes('cannot be respawned')) {
      byText.set(`${message.text} ${message.line}`, message);
    }
  }
  const messages = [...byText.values()];
  const naming = messages.filter((message) => message.text !== 'still could not bind()');
  return naming.length > 0 ? naming : messages;
}

async function conclude(
  site: LiveSite,
  generation: string,
  verifyMs: number,
  proof: VerifyResult,
  said: readonly NginxMessage[],
): Promise<GoLiveResult> {
  if (proof.kind === 'verified') {
    return { kind: 'live' };
  }
  if (proof.kind === 'refused') {
    const reason = scrub(proof.messages[0]?.text ?? 'no word', site.paths.root);
    return { kind: 'refused', messages: proof.messages, reason };
  }
  const last = said.at(-1);
  const words = last === undefined ? '' : `; nginx said: ${scrub(last.text, site.paths.root)}`;
  if (proof.kind === 'absent') {
    const error = gatewayError('CNG_NGINX_NOT_RUNNING', { reason: 'nobody listens on the private socket' });
    return environment('verify', `${error.message}${words}`);
  }
  if (proof.kind === 'replaced') {
    return environment(
      'verify',
      `somebody put another text in the place of the live nginx.conf; it is written again${words}`,
    );
  }
  const { master } = await findNginx(identityOf(site));
  const seen =
    proof.lastSeen === null
      ? 'nobody answers on the private socket'
      : `generation ${proof.lastSeen} still answers`;
  const state = master?.stopped === true ? `; the nginx master ${master.pid} is stopped` : '';
  const error = gatewayError('CNG_VERIFY_TIMEOUT', { generation, seconds: verifyMs / 1000 });
  return environment('verify', `${error.message}: ${seen}${state}${words}`);
}

function environment(stage: Stage, message: string): GoLiveResult {
  return { kind: 'environment', fault: { kind: 'environment', stage, message } };
}
