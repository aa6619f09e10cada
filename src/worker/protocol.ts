import type { WireDelta } from '../cluster/wire.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { Candidate } from '../model/candidate.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { Reason, Verdict } from '../model/verdict.ts';
import type { Violation } from '../nginx/lint.ts';
import type { TranslateSettings } from '../translate/settings.ts';
import type { ErrorCode } from '../errors.ts';

/** What the worker is started with: everything it needs of the machine, so that it reads nothing itself but templates. */
export interface WorkerData {
  readonly settings: TranslateSettings;
  readonly capabilities: Capabilities;
  readonly defaultCertificatePem: string;
  /** The built-in templates. */
  readonly templateFolder: string;
  /** A folder or file of the operator's own; null for none. */
  readonly templateOverrides: string | null;
  readonly disabledPlugins: readonly string[];
}

/** Questions to the worker, answered in order, each once. */
export type Request =
  | { readonly id: number; readonly ask: 'update'; readonly delta: WireDelta }
  | { readonly id: number; readonly ask: 'build'; readonly build: BuildRequest }
  | { readonly id: number; readonly ask: 'verified' }
  | { readonly id: number; readonly ask: 'model' };

export interface BuildRequest {
  /** `skeleton`: as if the cluster were empty. */
  readonly of: 'cluster' | 'skeleton';
  readonly quarantine: readonly (readonly [ObjectKey, Reason])[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface BuildAnswer {
  readonly candidate: Candidate;
  readonly violations: readonly Violation[];
  readonly verdicts: readonly Verdict[];
  /** Seconds. */
  readonly took: { readonly translate: number; readonly render: number; readonly lint: number };
}

export interface Failure {
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export type Response =
  { readonly id: number; readonly answer: unknown } | { readonly id: number; readonly failure: Failure };
