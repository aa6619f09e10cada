import { gatewayError, reasonOf } from '../errors.ts';
import type { Candidate } from '../model/candidate.ts';
import type { ArtifactStore } from './artifacts.ts';
import type { Fault, Stage } from './apply-result.ts';
import type { Judgement } from './blame-search.ts';
import type { Timed } from './live-site.ts';
import type { NginxMessage } from './message.ts';
import { testConfiguration } from './nginx-test.ts';
import { scrub } from './scrub.ts';
import { stageText } from './staging.ts';
import type { StatePaths } from './state-directory.ts';

/** What the emit lint says of a text. */
export interface LintFinding {
  /** Counted from 1. */
  readonly line: number;
  readonly rule: string;
  readonly directive: string;
  readonly message: string;
}

export type Lint = (candidate: Candidate) => readonly LintFinding[] | Promise<readonly LintFinding[]>;

export interface JudgeOptions {
  readonly binary: string;
  readonly paths: StatePaths;
  readonly testMs: number;
  readonly lint: Lint;
  readonly artifacts: ArtifactStore;
  readonly timed: Timed;
  /** Called before each run of nginx, and with its seconds after one that gave a verdict. */
  readonly tested: (seconds: number | null) => void;
}

/**
 * Lints a candidate, writes it and its files, and has nginx test it: in this order, because `nginx -t` runs code
 * (it loads modules and engines) and may only see linted text. A failed write is the environment's fault.
 */
export async function judgeCandidate(options: JudgeOptions, candidate: Candidate): Promise<Judgement> {
  const { paths, timed } = options;
  const findings = await timed(
    'lint',
    async () => await options.lint(candidate),
    (result) => result.length > 0,
  );
  if (findings.length > 0) {
    return lintRefusal(findings);
  }
  let file: string;
  try {
    file = await timed(
      'stage',
      async () => {
        await options.artifacts.write(candidate.files);
        return await stageText(paths, candidate.generation, candidate.text);
      },
      () => false,
    );
  } catch (error) {
    return { kind: 'environment', fault: ioFault('stage', error, paths) };
  }
  options.tested(null);
  const started = performance.now();
  const verdict = await timed(
    'test',
    async () => await testConfiguration(options.binary, paths, file, options.testMs),
    (result) => result.kind !== 'ok',
  );
  if (verdict.kind === 'no-verdict') {
    const error = verdict.timedOut
      ? gatewayError('CNG_NGINX_TEST_DEADLINE', { seconds: options.testMs / 1000 })
      : gatewayError('CNG_NGINX_TEST_NO_VERDICT', { reason: verdict.reason });
    return { kind: 'environment', fault: { kind: 'environment', stage: 'test', message: error.message } };
  }
  options.tested((performance.now() - started) / 1000);
  if (verdict.kind === 'ok') {
    return { kind: 'good' };
  }
  const { messages } = verdict;
  // Warnings come all at once, one for each name; of errors there is only the first.
  const independent = messages.every((message) => message.level === 'warn') ? messages.length : 1;
  return { kind: 'refused', stage: 'test', messages: errorsFirst(messages), independent, configPath: file };
}

/** A failure of the machine in a stage, its words scrubbed. */
export function ioFault(stage: Stage, error: unknown, paths: StatePaths): Fault {
  return { kind: 'environment', stage, message: scrub(reasonOf(error), paths.root) };
}

/** Lint messages name no file; this stands for it. */
const lintedText = 'candidate';

function lintRefusal(findings: readonly LintFinding[]): Judgement {
  const messages = findings.map((finding): NginxMessage => ({
    level: 'lint',
    text: finding.message,
    pid: null,
    file: lintedText,
    line: finding.line,
  }));
  // Behind a brace that is missing or too many everything seems misplaced.
  const unreadable = findings.findIndex((finding) => finding.rule.startsWith('syntax'));
  if (unreadable < 0) {
    return { kind: 'refused', stage: 'lint', messages, independent: messages.length, configPath: lintedText };
  }
  const only = messages.slice(unreadable, unreadable + 1);
  return { kind: 'refused', stage: 'lint', messages: only, independent: 1, configPath: lintedText };
}

function errorsFirst(messages: readonly NginxMessage[]): NginxMessage[] {
  return [...messages].sort((one, other) => Number(one.level === 'warn') - Number(other.level === 'warn'));
}
