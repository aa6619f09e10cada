import { execa } from 'execa';

export interface RunOptions {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment besides PATH: nothing else of ours is handed on, tokens least of all. */
  readonly env?: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
}

/** How a command ended. Exactly one of `exitCode`, `signal` and `noVerdict` is not null. */
export interface RunResult {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why there is no answer at all: the deadline, or what the system said when it should have been started. */
  readonly noVerdict: string | null;
  readonly timedOut: boolean;
  /** Standard output and error in the order they came, cut after 4 MiB. */
  readonly output: string;
}

const maxOutput = 4 * 1024 * 1024;

/** How long a killed command may take to die, and a daemon it left behind may keep its pipes open. */
const graceMs = 1_000;

/**
 * Runs a command to its end or its deadline, whichever is first; then it is killed with its process group (a
 * daemon that made a session of its own survives that). Never rejects.
 */
export async function runBounded(options: RunOptions): Promise<RunResult> {
  const subprocess = execa(options.file, options.args, {
    cwd: '/',
    extendEnv: false,
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', ...options.env },
    stdin: 'ignore',
    buffer: false,
    reject: false,
    killDescendants: true,
    killSignal: 'SIGKILL',
    timeout: options.deadlineMs,
  });
  const child = subprocess.nodeChildProcess;
  let output = '';
  function collect(chunk: Buffer): void {
    if (output.length < maxOutput) {
      output += chunk.toString('utf8');
    }
  }
  subprocess.stdout.on('data', collect);
  subprocess.stderr.on('data', collect);
  const stuck = new Promise<'stuck'>((resolve) => {
    const timer = setTimeout(resolve, options.deadlineMs + graceMs, 'stuck');
    timer.unref();
    // A daemon that inherited the pipes would keep the result waiting although the command is over.
    child.once('exit', () => {
      clearTimeout(timer);
      setTimeout(resolve, graceMs, 'stuck').unref();
    });
  });
  const ended = await Promise.race([subprocess, stuck]);
  if (ended === 'stuck') {
    subprocess.stdout.destroy();
    subprocess.stderr.destroy();
    const over = child.exitCode !== null || child.signalCode !== null;
    const timedOut = !over || child.signalCode === 'SIGKILL';
    return {
      exitCode: timedOut ? null : child.exitCode,
      signal: timedOut ? null : child.signalCode,
      noVerdict: timedOut ? deadlineReason(options) : null,
      timedOut,
      output,
    };
  }
  if (ended.timedOut) {
    return { exitCode: null, signal: null, noVerdict: deadlineReason(options), timedOut: true, output };
  }
  if (ended.exitCode !== undefined) {
    return { exitCode: ended.exitCode, signal: null, noVerdict: null, timedOut: false, output };
  }
  if (ended.signal !== undefined) {
    return { exitCode: null, signal: ended.signal, noVerdict: null, timedOut: false, output };
  }
  const reason = ended.originalMessage ?? ended.shortMessage ?? 'it could not be started';
  return { exitCode: null, signal: null, noVerdict: reason, timedOut: false, output };
}

function deadlineReason(options: RunOptions): string {
  return `it did not end within ${options.deadlineMs / 1000} seconds and was killed`;
}
