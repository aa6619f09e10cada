import type { Kind } from '../model/object-ref.ts';
import type { Reason } from '../model/verdict.ts';
import type { FlagVerdict } from './flags.ts';
import type { Outcome } from './world.ts';

export interface AuditedReason extends Reason {
  /** What to do, where the message does not say it. */
  readonly advice?: string;
}

/** What becomes of one object. */
export interface AuditedObject {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly outcome: Outcome;
  readonly reasons: readonly AuditedReason[];
  /** What changes nothing: it is the same in ingress-nginx, or was not given. */
  readonly notes: readonly AuditedReason[];
}

/** One ingress-nginx controller, and all that it serves. */
export interface AuditedController {
  /** `Deployment/ingress-nginx/controller`; empty where default flags were assumed. */
  readonly workload: string;
  readonly ingressClass: string;
  readonly controllerClass: string;
  readonly flags: readonly FlagVerdict[];
  readonly objects: readonly AuditedObject[];
  /** What holds for all of it. */
  readonly notes: readonly string[];
  /** The version of nginx that tested the result; null where there is none. */
  readonly testedBy: string | null;
  /** Why the result as a whole would not be served; null where it would. */
  readonly fault: string | null;
}

/** An Ingress that none of the controllers serves. */
export interface OtherIngress {
  readonly namespace: string;
  readonly name: string;
  /** Whether it could not be told. */
  readonly isUnclear: boolean;
  readonly reason: string;
}

export type Counts = Readonly<Record<Outcome, number>>;

/** What `--json` prints. */
export interface AuditReport {
  readonly controllers: readonly AuditedController[];
  readonly others: readonly OtherIngress[];
  /** Files and kinds that could not be read. */
  readonly problems: readonly string[];
  readonly totals: {
    readonly ingresses: Counts & { readonly other: number };
    readonly otherObjects: Counts;
    readonly flags: Counts;
  };
}

/** Adds up the outcomes. */
export function makeReport(parts: Omit<AuditReport, 'totals'>): AuditReport {
  const objects = parts.controllers.flatMap((controller) => controller.objects);
  const unclear = parts.others.filter(({ isUnclear }) => isUnclear).length;
  const ingresses = count(objects.filter(({ kind }) => kind === 'Ingress'));
  return {
    ...parts,
    totals: {
      ingresses: {
        ...ingresses,
        unclear: ingresses.unclear + unclear,
        other: parts.others.length - unclear,
      },
      otherObjects: count(objects.filter(({ kind }) => kind !== 'Ingress')),
      flags: count(parts.controllers.flatMap(({ flags }) => flags)),
    },
  };
}

function count(judged: readonly { readonly outcome: Outcome }[]): Counts {
  function of(outcome: Outcome): number {
    return judged.filter((each) => each.outcome === outcome).length;
  }
  return {
    same: of('same'),
    difference: of('difference'),
    'not-served': of('not-served'),
    unclear: of('unclear'),
  };
}

/** 0: all the same. 1: something differs, is unclear or could not be read. 2: something is not served. */
export function exitCodeFor({ controllers, problems, totals }: AuditReport): 0 | 1 | 2 {
  const all = [totals.ingresses, totals.otherObjects, totals.flags];
  if (all.some((each) => each['not-served'] > 0) || controllers.some(({ fault }) => fault !== null)) {
    return 2;
  }
  return all.some((each) => each.difference + each.unclear > 0) || problems.length > 0 ? 1 : 0;
}

/** The report for people. */
export function reportText(report: AuditReport): string {
  const { controllers, others, problems, totals } = report;
  const lines = [
    ...problems.map((problem) => `problem       ${problem}`),
    ...controllers.flatMap(controllerLines),
    ...(others.length === 0 ? [] : ['', 'Ingresses of no controller above']),
    ...others.map(
      ({ namespace, name, isUnclear, reason }) =>
        `  ${(isUnclear ? 'unclear' : 'not its').padEnd(12)}Ingress/${namespace}/${name}\n      ${reason}`,
    ),
    '',
    `Ingresses:     ${countText(totals.ingresses)}, ${totals.ingresses.other} of other controllers`,
    `other objects: ${countText(totals.otherObjects)}`,
    `flags:         ${countText(totals.flags)}`,
  ];
  return `${lines.join('\n')}\n`;
}

function countText(counts: Counts): string {
  return `${counts.same} the same, ${counts.difference} with a difference, ${counts['not-served']} not served, ${counts.unclear} unclear`;
}

function controllerLines(controller: AuditedController): string[] {
  const { workload, ingressClass, controllerClass, flags, objects, notes, testedBy, fault } = controller;
  const tested = testedBy === null ? 'not tested: no nginx' : `tested by nginx ${testedBy}`;
  const title = workload === '' ? 'ingress-nginx with default flags' : workload;
  return [
    '',
    `${title}: class ${ingressClass}, controller ${controllerClass} (${tested})`,
    ...(fault === null ? [] : [`  not-served  the configuration as a whole: ${fault}`]),
    ...notes.map((note) => `  note        ${note}`),
    ...flags.map(
      ({ flag, value, outcome, message }) =>
        `  ${outcome.padEnd(12)}${flag}${value === '' ? '' : `=${value}`}\n      ${message}`,
    ),
    ...objects.map(objectText),
  ];
}

function objectText({ kind, namespace, name, outcome, reasons, notes }: AuditedObject): string {
  return [
    `  ${outcome.padEnd(12)}${kind}/${namespace}/${name}`,
    ...reasons.map((reason) => `      ${reasonText(reason)}`),
    ...notes.map((note) => `      (note) ${reasonText(note)}`),
  ].join('\n');
}

function reasonText({ field, message, advice }: AuditedReason): string {
  const about = field === '' ? message : `${field}: ${message}`;
  return advice === undefined ? about : `${about}\n        do: ${advice}`;
}
