import type { WireDelta } from '../cluster/wire.ts';
import type { AskedRequest } from '../explain/request.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { Candidate } from '../model/candidate.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { Verdict } from '../model/verdict.ts';
import type { KeptOut } from '../nginx/apply-result.ts';
import type { Violation } from '../nginx/lint.ts';
import type { HookFailure } from '../plugins/user/plugin.ts';
import type { TemplateLine } from '../render/template-lines.ts';
import type { Route } from '../traffic/line.ts';
import type { Extensions } from './kits.ts';
import type { TranslateSettings } from '../translate/settings.ts';
import type { ErrorCode } from '../errors.ts';

/** What the worker is started with: everything it needs of the machine, so that it reads nothing itself but templates. */
export interface WorkerData {
  readonly settings: TranslateSettings;
  readonly capabilities: Capabilities;
  readonly defaultCertificatePem: string;
  /** The built-in templates. */
  readonly templateFolder: string;
  readonly disabledPlugins: readonly string[];
}

/** The same with the memory that both threads see. */
export interface WorkerInput {
  readonly data: WorkerData;
  readonly memory: SharedArrayBuffer;
}

/** Questions to the worker, answered in order, each once. */
export type Request =
  | { readonly id: number; readonly ask: 'update'; readonly delta: WireDelta }
  | { readonly id: number; readonly ask: 'build'; readonly build: BuildRequest }
  /** Which line of which template wrote a line of a build: asked after that build was refused. */
  | { readonly id: number; readonly ask: 'locate'; readonly build: BuildRequest; readonly line: number }
  | { readonly id: number; readonly ask: 'verified'; readonly build: string }
  /** Who was kept out in an earlier life of the gateway and is the same now: asked once, after the first update. */
  | { readonly id: number; readonly ask: 'kept-out' }
  /** Write down what is to survive a restart: asked before the end. */
  | { readonly id: number; readonly ask: 'flush' }
  /** What the metrics tell of the last verified build. */
  | { readonly id: number; readonly ask: 'facts' }
  /** Which of these routes the last verified build counts no requests for. */
  | { readonly id: number; readonly ask: 'gone-routes'; readonly routes: readonly Route[] }
  | { readonly id: number; readonly ask: 'model' }
  /** What nginx does with a request, by that model. */
  | { readonly id: number; readonly ask: 'explain'; readonly asked: AskedRequest };

export interface BuildRequest {
  /** `skeleton`: as if the cluster were empty. */
  readonly of: 'cluster' | 'skeleton';
  readonly extensions: Extensions;
  readonly quarantine: readonly (readonly [ObjectKey, KeptOut])[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface BuildAnswer {
  /** Names it, for `verified`. */
  readonly build: string;
  readonly candidate: Candidate;
  readonly violations: readonly Violation[];
  readonly verdicts: readonly Verdict[];
  /** Kept out, and not known to be refused: they say again what is served. */
  readonly mended: readonly ObjectKey[];
  /** What plugins of users have thrown in it. */
  readonly failures: readonly HookFailure[];
  /** Seconds. */
  readonly took: { readonly translate: number; readonly render: number; readonly lint: number };
}

/** Answers `locate`. */
export type Located = TemplateLine | null;

export interface Failure {
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export type Response =
  | { readonly id: number; readonly answer: unknown }
  /** `isSpoilt`: this worker must not be asked again. */
  | { readonly id: number; readonly failure: Failure; readonly isSpoilt?: true }
  /** For the log. */
  | { readonly notice: string; readonly fields: Readonly<Record<string, unknown>> };
