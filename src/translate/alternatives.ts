import { headerName } from '../model/header.ts';
import type { Condition, ResponseHeader, Split, SplitMemory, SplitTarget } from '../model/model.ts';
import { literally } from '../model/regex.ts';
import { token, type Token } from '../model/token.ts';
import { identifier } from '../model/words.ts';
import { hashOf, type AlternativePolicy } from '../plugins/additions.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import { cookieAttributes, type SessionCookie } from '../plugins/session-cookie.ts';
import type { BackendForm, Backends } from './backends.ts';
import type { Definition, HostPlan } from './hosts.ts';
import type { IngressPlan, PathPlan, RulePlan } from './ingress.ts';
import { trafficCanary } from './traffic.ts';
import type { VerdictCollector } from './verdicts.ts';

/** A path of an Ingress that is an alternative for another one's route. */
export interface Candidate {
  readonly plan: IngressPlan;
  readonly policy: AlternativePolicy;
  readonly path: PathPlan;
}

/** By route: who is an alternative for it, oldest first. */
export type Alternatives = ReadonlyMap<Definition, readonly Candidate[]>;

export interface AlternativeParts {
  readonly plugins: PluginRegistry;
  readonly verdicts: VerdictCollector;
}

/**
 * Finds the routes that alternatives are for: the same host, path and path type, of the same namespace. `plans` are in
 * order of age. One that asks for a protection that the route does not have gets no request of it.
 */
export function findAlternatives(
  plans: readonly IngressPlan[],
  hosts: readonly HostPlan[],
  parts: AlternativeParts,
): Alternatives {
  const byName = new Map(hosts.map((host) => [host.name?.text ?? '', host]));
  const found = new Map<Definition, Candidate[]>();
  for (const plan of plans) {
    if (plan.alternative === null || plan.withdrawn || plan.closed) {
      continue;
    }
    if (plan.rules.every(({ paths }) => paths === null)) {
      const message =
        'takes no request: a canary needs rules with paths, those of the Ingress that it is a canary of';
      plan.outcome.refused.push({ field: 'spec.rules', message });
    }
    for (const rule of plan.rules) {
      for (const path of rule.paths ?? []) {
        const definition = routeFor(rule, path, byName);
        const fault = definition === null ? noRoute(rule, path) : faultOf(plan, definition, parts.plugins);
        if (definition === null || fault !== null) {
          plan.outcome.refused.push({ field: path.field, message: fault ?? '' });
        } else {
          plan.outcome.kept += 1;
          const candidates = found.get(definition) ?? [];
          found.set(definition, [...candidates, { plan, policy: plan.alternative, path }]);
        }
      }
    }
  }
  return found;
}

function routeFor(rule: RulePlan, path: PathPlan, hosts: ReadonlyMap<string, HostPlan>): Definition | null {
  const definitions = hosts.get(rule.host?.text ?? '')?.definitions ?? [];
  return (
    definitions.find(
      (definition) =>
        definition.owner !== null &&
        !definition.isFallback &&
        definition.exact === path.exact &&
        definition.path.text === path.path.text,
    ) ?? null
  );
}

function noRoute(rule: RulePlan, path: PathPlan): string {
  const where = `${rule.host?.text ?? 'every host'}, path ${path.path.text}, ${path.exact ? 'Exact' : 'Prefix'}`;
  return `takes no request: no other Ingress serves ${where}`;
}

function faultOf(plan: IngressPlan, { owner }: Definition, plugins: PluginRegistry): string | null {
  if (owner === null || owner.ref.namespace !== plan.ref.namespace) {
    return `takes no request: the route is that of ${owner?.key}, and canaries are of the same namespace`;
  }
  const missing = [...plugins.protectiveAnnotations].find((name) => {
    const asked = plan.ingress.meta.annotations[name]?.trim() ?? '';
    return asked !== '' && asked !== (owner.ingress.meta.annotations[name]?.trim() ?? '');
  });
  return missing === undefined
    ? null
    : `takes no request: ${missing} protects it, and ${owner.key}, whose settings hold, does not have the same`;
}

/** What a split is made of. */
export interface SplitParts {
  readonly primary: SplitTarget;
  readonly candidates: readonly Candidate[];
  readonly session: SessionCookie | null;
  readonly form: BackendForm;
  readonly backends: Backends;
  readonly verdicts: VerdictCollector;
}

/** The split of a route; null where no alternative can take a request. */
export function splitOf(owner: IngressPlan, parts: SplitParts): Split | null {
  const { primary, candidates, session, backends, verdicts, form } = parts;
  let left = 10_000;
  const usable = candidates.flatMap(({ plan, policy, path }) => {
    const { service } = path.backend;
    if (service === null) {
      return [];
    }
    const backend = backends.find(plan.ref.namespace, service.name, service.port, form);
    if ('fault' in backend) {
      const field = `${path.field}.backend.${backend.fault.part}`;
      const message = `${backend.fault.message}; until then ${owner.key} takes its requests`;
      verdicts.add(plan.ref, 'served-with-difference', field, message);
      return [];
    }
    const share = Math.min(policy.share, left);
    left -= share;
    if (share < policy.share) {
      const message = `gets ${share / 100} % of the requests: older canaries of the route have the rest`;
      verdicts.add(plan.ref, 'served-with-difference', policy.field, message);
    }
    const { upstream, external } = backend.target;
    const trafficName = trafficCanary(plan.key, service);
    return [{ plan, policy, share, target: targetOf(upstream, external), trafficName }];
  });
  if (usable.length === 0) {
    return null;
  }
  const sides = session === null ? [] : usable.filter(({ policy }) => policy.followsSessions);
  const content = [
    primary,
    usable.map(({ plan, policy, share, target }) => [plan.key, policy, share, target]),
  ];
  const hash = hashOf([content, sides.length > 0 ? session : null]);
  return {
    name: identifier(`split_${hash}`),
    origin: owner.key,
    primary,
    alternatives: usable.map(({ plan, policy, share, target, trafficName }, index) => ({
      origin: plan.key,
      trafficName,
      target,
      share,
      conditions: policy.conditions.map((condition, place): Condition => ({
        ...condition,
        name: identifier(`split_${hash}_${index + 1}_${place + 1}`),
      })),
    })),
    memory:
      session === null || sides.length === 0
        ? null
        : memoryOf(
            session,
            sides.map(({ plan }) => ({
              key: plan.key,
              number: usable.findIndex((each) => each.plan === plan) + 1,
            })),
          ),
  };
}

/** Where a backend leads to, as the value of a variable. */
export function targetOf(
  upstream: { readonly text: string; readonly token: 'identifier' } | null,
  external: { readonly name: { readonly text: string }; readonly port: number } | null,
): SplitTarget {
  if (upstream !== null) {
    return identifier(upstream.text);
  }
  if (external === null) {
    throw new TypeError('a backend is an upstream or an external name');
  }
  return token('text', `${external.name.text}:${external.port}`);
}

/** Sets the cookie of a split's memory where it has to be set. */
export function memoryHeader(split: Token<'identifier'>): ResponseHeader {
  const value = token('expression', `$${split.text}_cookie`);
  return { name: headerName('Set-Cookie'), value, always: true, replace: false };
}

/** The cookie has the name of the session's, which other Ingresses of the host may not share, and an ending. */
function memoryOf(
  session: SessionCookie,
  followers: readonly { readonly key: string; readonly number: number }[],
): SplitMemory {
  const name = `${session.name.text}_canary`;
  const attributes = cookieAttributes(session, '${split_cookie_secure}');
  const all = [
    { value: 'primary', number: 0 },
    ...followers.map(({ key, number }) => ({ value: hashOf(key), number })),
  ];
  return {
    sides: all.map(({ value, number }) => ({
      number,
      pattern: token('regex', `(?:^|; *)${literally(name)}=${value}(?:;|$)`),
      cookie: token('expression', `${name}=${value}${attributes}`),
    })),
  };
}
