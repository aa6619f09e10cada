import type { Risk, Scope } from './plugin.ts';

/** An annotation of ingress-nginx that no plugin builds yet. */
export interface NotYetRow {
  readonly name: string;
  readonly alias?: string;
  /** Low where it is left out. */
  readonly risk?: Risk;
  /** `location` where it is left out. */
  readonly scope?: Scope;
  /** A protection: the Ingress that asks for it answers 503 until it can be built. */
  readonly closes?: boolean;
  /** Loosens a protection: no harm done without it, but a form that has it is not the form that has not. */
  readonly loosens?: boolean;
  /** Values in lower case that ask for nothing: they switch it off or say what holds anyway. */
  readonly neutral?: readonly string[];
}

const off = { flag: ['false', 'f', '0'], count: ['0'] } as const;

/** In the order of ingress-nginx's documentation. A plugin that builds one takes its row away. */
export const notYetRows: readonly NotYetRow[] = [
  { name: 'enable-opentelemetry', neutral: off.flag },
  { name: 'opentelemetry-trust-incoming-span' },
  { name: 'opentelemetry-operation-name', risk: 'Medium' },
];
