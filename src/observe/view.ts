import type { Explanation } from '../explain/explanation.ts';
import type { AskedRequest } from '../explain/request.ts';
import type { ObjectKey, ObjectRef } from '../model/object-ref.ts';
import type { SourceMap } from '../model/candidate.ts';
import type { Verdict } from '../model/verdict.ts';
import type { TrafficView } from './traffic-view.ts';

/**
 * The steps of one pass, in their order. `blame` is the extra testing after a failure. The names are labels of the
 * metric `…_stage_duration_seconds` and keys of `/debug/generations`.
 */
export const stages = [
  'snapshot',
  'translate',
  'render',
  'lint',
  'stage',
  'test',
  'blame',
  'swap',
  'reload',
  'verify',
] as const;

export type Stage = (typeof stages)[number];

/** Whether nginx serves what it should; `reason` is null exactly when `ready` is true. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason: string | null;
  /** Why what is known of the cluster may not be current; never makes it unready. */
  readonly stale?: string | null;
}

/** Unhealthy only when the loop is stuck with work pending: a restart must be the remedy. */
export interface Liveness {
  readonly healthy: boolean;
  readonly reason: string | null;
}

/** `live` is served now, `superseded` was; a `failed` one never was; at most one is `in-progress`. */
export type GenerationOutcome = 'live' | 'superseded' | 'failed' | 'in-progress';

/** What became of one attempt to bring a state of the cluster to nginx. */
export interface GenerationInfo {
  /** Counted from 1 in this process. */
  readonly number: number;
  /** `Candidate.generation`; empty where the pass failed before there was a text. */
  readonly generation: string;
  /** When the pass began, milliseconds since the epoch. */
  readonly at: number;
  /** Why the pass was made, in words. */
  readonly reasons: readonly string[];
  /** Duration of each stage that ran. */
  readonly seconds: Readonly<Partial<Record<Stage, number>>>;
  readonly outcome: GenerationOutcome;
  /** What went wrong, in words; null when nothing did. */
  readonly message: string | null;
  readonly objectsChanged: readonly ObjectKey[];
  readonly quarantined: readonly ObjectKey[];
  /** Whether `configText(number)` still has the text: only the last few are kept. */
  readonly textKept: boolean;
}

/** The last text that nginx or the lint refused, kept until it is replaced by a later failure. */
export interface FailedConfig {
  readonly generation: string;
  readonly text: string;
  /** The line that was complained about, counted from 1; null where the message names none. */
  readonly line: number | null;
  /** In nginx's or the lint's own words. */
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly stage: Stage;
  /** The objects that are blamed; empty where the fault is the environment's. */
  readonly objects: readonly ObjectKey[];
}

/** What goes back to the cluster, as of now; null for what is switched off. `trouble` is for people. */
export interface OutputsView {
  readonly leader: {
    readonly isLeader: boolean;
    /** Of the Lease, as far as is known; empty for nobody. */
    readonly holder: string;
    readonly trouble: string | null;
  } | null;
  readonly status: {
    readonly written: number;
    readonly behind: number;
    readonly trouble: string | null;
  } | null;
  readonly events: {
    readonly waiting: number;
    readonly written: number;
    readonly leftOut: number;
    readonly trouble: string | null;
  } | null;
}

/** One address of a Service, as the cluster says it. */
export interface EndpointView {
  readonly address: string;
  /** Numbers, each behind its name where it has one. */
  readonly ports: readonly string[];
  /** Whether it is sent requests. */
  readonly ready: boolean;
  readonly serving: boolean | null;
  readonly terminating: boolean | null;
  readonly zone: string | null;
  /** Which object says so. */
  readonly object: ObjectKey;
}

/** What `/debug/template` shows. */
export interface TemplatesView {
  json(): unknown;
  text(): string;
  /** The text of one template in force; null where there is none of this name. */
  textOf(name: string): string | null;
  /** The built-in one of this name, whatever is in force in its place; null where there is none. */
  builtinTextOf(name: string): string | null;
}

/**
 * What health and debug endpoints may see of the controller: values only, nothing that changes anything. All of
 * it is already redacted; the debug endpoint redacts once more by form.
 */
export interface ControllerView {
  readiness(): Readiness;
  liveness(): Liveness;
  /** The generation that nginx verifiably serves; null before the first. */
  live(): { readonly number: number; readonly generation: string } | null;
  /** Newest first, the last hundred or so. */
  generations(): readonly GenerationInfo[];
  /** The text of a generation, by default of the live one; null where there is none (any more). */
  configText(number?: number): string | null | Promise<string | null>;
  /** The source map that belongs to `configText(number)`; null in the same cases. */
  sourceMap(number?: number): SourceMap | null | Promise<SourceMap | null>;
  /** Null when nothing has failed in the life of this process. */
  failed(): FailedConfig | null;
  /** What the templates were given for the live generation, or a promise of it; null before the first. */
  model(): unknown;
  /** What nginx does with a request, by the model of the live generation; null where there is none. */
  explain(asked: AskedRequest): Promise<Explanation | null>;
  /** The templates in force, and where each came from. */
  templates(): TemplatesView;
  /** One per object, sorted by kind, namespace and name. */
  verdicts(): readonly Verdict[];
  /** An object in the form of its manifest, without what is not read and without the data of Secrets; null: unknown. */
  object(ref: ObjectRef): Readonly<Record<string, unknown>> | null;
  /** All addresses of a Service that are known now, ready or not, sorted; of a Service of this name or not. */
  endpoints(namespace: string, service: string): readonly EndpointView[];
  /** Null where there is no API server. */
  outputs(): OutputsView | null;
  /** Null where traffic is not measured. */
  traffic(): TrafficView | null;
}
