import type { Ingress, IngressBackend, IngressPath, IngressRule } from '../cluster/objects.ts';
import { parseHost } from '../model/host.ts';
import type { Addition } from '../model/model.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { parsePath } from '../model/path.ts';
import { refused, shown, type Parsed, type Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { readAnnotations, type AnnotationReading } from '../plugins/annotations.ts';
import { reservedPrefix, type AlternativePolicy } from '../plugins/additions.ts';
import type { Options } from '../options/options.ts';
import type { Plugin } from '../plugins/plugin.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import type { PluginContexts } from './plugin-contexts.ts';
import type { VerdictCollector } from './verdicts.ts';

export type HostToken = Token<'host'> | Token<'wildcard-host'>;

/** One Ingress with its rules parsed and its annotations read, on its way through translation. */
export interface IngressPlan {
  readonly ingress: Ingress;
  readonly ref: ObjectRef;
  readonly key: ObjectKey;
  readonly rules: readonly RulePlan[];
  /** Null where the annotations could not be read, which closes the Ingress. */
  readonly annotations: AnnotationReading | null;
  /** Its routes keep their places and answer 503. */
  closed: boolean;
  /** nginx has refused something of it. */
  readonly quarantined: boolean;
  /** It claims nothing. */
  readonly withdrawn: boolean;
  /** What it adds to stream. */
  readonly streams: readonly Addition[];
  /** It claims nothing of its own, but is an alternative for routes of others. */
  readonly alternative: AlternativePolicy | null;
  /** What became of its rules: the state of its losses depends on whether anything is kept. */
  readonly outcome: Outcome;
}

export interface Outcome {
  /** Routes and hosts that are its own. */
  kept: number;
  /** Lost to other objects. */
  readonly lost: Reason[];
  /** Not possible at all. */
  readonly refused: Reason[];
}

export interface RulePlan {
  /** Null for requests of any host. */
  readonly host: HostToken | null;
  readonly field: string;
  /** Null where the rule leaves all paths to the default backend. */
  readonly paths: readonly PathPlan[] | null;
}

export interface PathPlan {
  readonly path: Token<'path'>;
  readonly exact: boolean;
  readonly backend: IngressBackend;
  /** For example `spec.rules[0].http.paths[1]`. */
  readonly field: string;
}

export interface PlanContext {
  readonly plugins: PluginRegistry;
  readonly options: Options;
  readonly contexts: PluginContexts;
  readonly quarantine: ReadonlyMap<ObjectKey, Reason>;
  readonly verdicts: VerdictCollector;
}

/**
 * Parses the rules and reads the annotations of one Ingress. A refused host or path leaves out that rule or path; a
 * refused annotation, a protection that cannot be built, a quarantine or a throwing plugin closes the whole Ingress.
 */
export function planIngress(ingress: Ingress, context: PlanContext): IngressPlan {
  const ref = { kind: ingress.kind, namespace: ingress.meta.namespace, name: ingress.meta.name };
  const key = objectKey(ref);
  const { verdicts } = context;
  verdicts.use(ref);
  const outcome: Outcome = { kept: 0, lost: [], refused: [] };
  const rules = ingress.rules.flatMap((rule, index) => planRule(rule, index, outcome));
  const quarantined = context.quarantine.get(key);
  if (quarantined !== undefined) {
    verdicts.addAll(ref, 'quarantined', [quarantined]);
  }
  const effects = judgeAnnotations(ingress, ref, context);
  return {
    ingress,
    ref,
    key,
    rules,
    annotations: effects.annotations,
    closed: quarantined !== undefined || effects.closed,
    quarantined: quarantined !== undefined,
    withdrawn: effects.withdrawn,
    streams: effects.streams,
    alternative: effects.alternative,
    outcome,
  };
}

/** Closes an Ingress that a plugin, or we, could not cope with: a bug, and no reason to harm any other object. */
export function closeByBug(plan: IngressPlan, error: unknown, verdicts: VerdictCollector): void {
  plan.closed = true;
  verdicts.add(plan.ref, 'quarantined', 'metadata.annotations', bugMessage(error));
}

/** What is told where something throws that never should. */
export function bugMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return `could not be translated: ${shown(text)}; its routes answer 503; this is a bug of the gateway or of a plugin`;
}

type Judged = Pick<IngressPlan, 'annotations' | 'closed' | 'withdrawn' | 'alternative' | 'streams'>;

function judgeAnnotations(ingress: Ingress, ref: ObjectRef, context: PlanContext): Judged {
  const { verdicts, plugins, options } = context;
  try {
    const annotations = readAnnotations(plugins, ingress.meta.annotations, options);
    const closing = [...annotations.rejected, ...annotations.denied];
    const withdrawing: Reason[] = [];
    const differences = [...annotations.differences];
    const streams: Addition[] = [];
    let alternative: AlternativePolicy | null = null;
    for (const plugin of plugins.list()) {
      const effects = effectsOf(plugin, annotations, ref, context.contexts);
      closing.push(...(effects?.reject ?? []), ...(effects?.deny ?? []));
      withdrawing.push(...(effects?.withdraw ?? []));
      alternative = effects?.alternative ?? alternative;
      differences.push(...(effects?.differences ?? []));
      if (effects?.stream !== undefined) {
        streams.push({ plugin: plugin.name, settings: effects.stream });
      }
    }
    verdicts.addAll(ref, 'rejected', [...closing, ...withdrawing]);
    verdicts.addAll(ref, 'served-with-difference', differences);
    return {
      annotations,
      closed: closing.length > 0,
      withdrawn: withdrawing.length > 0,
      alternative,
      streams,
    };
  } catch (error) {
    verdicts.add(ref, 'quarantined', 'metadata.annotations', bugMessage(error));
    return { annotations: null, closed: true, withdrawn: false, alternative: null, streams: [] };
  }
}

function effectsOf(
  plugin: Plugin,
  annotations: AnnotationReading,
  ref: ObjectRef,
  contexts: PluginContexts,
): ReturnType<NonNullable<Plugin['ingress']>> | undefined {
  return annotations.given.has(plugin.name)
    ? plugin.ingress?.(contexts.ingress(plugin, ref, annotations))
    : undefined;
}

function planRule(rule: IngressRule, index: number, outcome: Outcome): RulePlan[] {
  const field = `spec.rules[${index}]`;
  const host: Parsed<HostToken | null> = rule.host === '' ? { value: null } : parseHost(rule.host);
  if (refused(host)) {
    outcome.refused.push({ field: `${field}.host`, message: `${host.error}; the rule is left out` });
    return [];
  }
  const paths = rule.paths?.flatMap((path, place) =>
    planPath(path, `${field}.http.paths[${place}]`, outcome),
  );
  return [{ host: host.value, field, paths: paths ?? null }];
}

function planPath(rule: IngressPath, field: string, outcome: Outcome): PathPlan[] {
  const path = parsePath(rule.path);
  if (refused(path)) {
    outcome.refused.push({ field: `${field}.path`, message: `${path.error}; the path is left out` });
    return [];
  }
  if (`${path.value.text}/`.startsWith(reservedPrefix)) {
    const message = `${shown(rule.path)} is reserved for the gateway (${reservedPrefix}): choose another path; the path is left out`;
    outcome.refused.push({ field: `${field}.path`, message });
    return [];
  }
  const exact = readPathType(rule.pathType);
  if (refused(exact)) {
    outcome.refused.push({ field: `${field}.pathType`, message: `${exact.error}; the path is left out` });
    return [];
  }
  if (rule.backend.service === null && rule.backend.resource !== null) {
    const message =
      'resource backends are never served; the path is left to the default backend: use a service';
    outcome.refused.push({ field: `${field}.backend.resource`, message });
    return [];
  }
  return [{ path: path.value, exact: exact.value, backend: rule.backend, field }];
}

/** Whether a path is compared whole. As in ingress-nginx, no type and ImplementationSpecific mean Prefix. */
function readPathType(pathType: string | null): Parsed<boolean> {
  switch (pathType) {
    case 'Exact':
      return { value: true };
    case null:
    case '':
    case 'Prefix':
    case 'ImplementationSpecific':
      return { value: false };
    default:
      return {
        error: `${shown(pathType)} is not a path type: write Exact, Prefix or ImplementationSpecific`,
      };
  }
}
