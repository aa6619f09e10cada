import type { IngressBackend } from '../cluster/objects.ts';
import { parsePath } from '../model/path.ts';
import { refused, type Token } from '../model/token.ts';
import type { HostToken, IngressPlan, PathPlan, RulePlan } from './ingress.ts';
import { compareAge, compareText } from './order.ts';
import type { VerdictCollector } from './verdicts.ts';

/** One host and who owns its paths. */
export interface HostPlan {
  /** Null for the catch-all server. */
  readonly name: HostToken | null;
  /** The first Ingress with a rule for the host; null for the catch-all server. */
  readonly creator: IngressPlan | null;
  /** Every Ingress with a rule for the host, in order of age. */
  readonly members: readonly IngressPlan[];
  readonly definitions: readonly Definition[];
}

/** Who answers a path. */
export interface Definition {
  readonly path: Token<'path'>;
  readonly exact: boolean;
  /** Null where the gateway itself answers. */
  readonly owner: IngressPlan | null;
  /** Null for the global default backend. */
  readonly backend: IngressBackend | null;
  /** The field of the owner that names the backend. */
  readonly field: string;
  /** Stands in for a path that nobody has asked for. */
  readonly isFallback: boolean;
  /** The default backend of an Ingress without rules. */
  readonly catchAll: boolean;
}

/**
 * The Ingress that decides about a host as a whole, and its namespace with it: the oldest with a rule for it. What one of
 * another namespace asks for holds for its own routes at most.
 */
export function deciderOf({ creator, members }: Pick<HostPlan, 'creator' | 'members'>): IngressPlan {
  const decider = creator ?? members.toSorted((a, b) => compareAge(a.ingress.meta, b.ingress.meta))[0];
  if (decider === undefined) {
    throw new TypeError('a host that nobody has a rule for has nobody who decides about it');
  }
  return decider;
}

/** The field of an Ingress that names a host. */
export function hostField({ rules }: IngressPlan, { name }: Pick<HostPlan, 'name'>): string {
  const rule = rules.find(({ host }) => host?.text === name?.text);
  return rule === undefined ? 'spec.defaultBackend' : `${rule.field}.host`;
}

interface HostClaims {
  readonly name: HostToken | null;
  readonly creator: IngressPlan | null;
  readonly members: Set<IngressPlan>;
  readonly definitions: Map<string, Definition>;
}

/**
 * Gives every host and path to the oldest Ingress that asks for it and tells the others; `plans` are in order of
 * age. The catch-all host comes first, then exact names, then wildcards, each by name.
 */
export function claimHosts(plans: readonly IngressPlan[], verdicts: VerdictCollector): HostPlan[] {
  const hosts = new Map<string, HostClaims>();
  hosts.set('', newHost(null, null));
  const claiming = plans.filter((plan) => !plan.withdrawn && plan.alternative === null);
  for (const plan of claiming) {
    for (const rule of plan.rules) {
      join(hosts, rule, plan);
    }
  }
  for (const plan of claiming) {
    claimAll(hosts, plan, verdicts);
  }
  for (const host of hosts.values()) {
    tellUnusedDefaults(host, verdicts);
  }
  return [...hosts.values()].map(settled).sort(compareHosts);
}

function newHost(name: HostToken | null, creator: IngressPlan | null): HostClaims {
  const root = parsePath('/');
  if (refused(root)) {
    throw new TypeError(root.error);
  }
  const own = creator?.ingress.defaultBackend ?? null;
  const isUsable = own !== null && own.resource === null;
  const fallback: Definition = {
    path: root.value,
    exact: false,
    owner: creator,
    backend: isUsable ? own : null,
    field: 'spec.defaultBackend',
    isFallback: true,
    catchAll: false,
  };
  return { name, creator, members: new Set(), definitions: new Map([[idOf(fallback), fallback]]) };
}

function join(hosts: Map<string, HostClaims>, rule: RulePlan, plan: IngressPlan): void {
  const name = rule.host?.text ?? '';
  const host = hosts.get(name) ?? newHost(rule.host, plan);
  hosts.set(name, host);
  host.members.add(plan);
}

function claimAll(
  hosts: ReadonlyMap<string, HostClaims>,
  plan: IngressPlan,
  verdicts: VerdictCollector,
): void {
  for (const rule of plan.rules) {
    const host = hosts.get(rule.host?.text ?? '');
    if (host === undefined) {
      continue;
    }
    if (rule.paths === null) {
      claimHost(host, rule, plan);
    }
    for (const path of rule.paths ?? []) {
      claimPath(host, path, plan, verdicts);
    }
  }
  claimCatchAll(hosts.get(''), plan);
}

/** A rule without paths is served by the default backend, if its host is this Ingress's own. */
function claimHost(host: HostClaims, rule: RulePlan, plan: IngressPlan): void {
  if (host.creator === plan) {
    plan.outcome.kept += 1;
  } else if (host.creator === null) {
    const message =
      'a rule without host and paths has no effect: remove it, and the default backend serves all hosts, or give it paths';
    plan.outcome.refused.push({ field: rule.field, message });
  } else {
    const message = `the host belongs to ${host.creator.key}, whose default backend answers: give the rule paths`;
    plan.outcome.lost.push({ field: `${rule.field}.host`, message });
  }
}

function claimPath(host: HostClaims, path: PathPlan, plan: IngressPlan, verdicts: VerdictCollector): void {
  const definition: Definition = {
    path: path.path,
    exact: path.exact,
    owner: plan,
    backend: path.backend,
    field: `${path.field}.backend`,
    isFallback: false,
    catchAll: false,
  };
  const holder = host.definitions.get(idOf(definition));
  if (holder === undefined || holder.isFallback) {
    host.definitions.set(idOf(definition), definition);
    plan.outcome.kept += 1;
    return;
  }
  const where = `${host.name?.text ?? 'every host'}, path ${path.path.text}, ${path.exact ? 'Exact' : 'Prefix'}`;
  if (holder.owner === plan) {
    const message = `is defined before in this Ingress (${holder.field}), which holds: ${where}`;
    verdicts.add(plan.ref, 'served-with-difference', path.field, message);
  } else {
    const message = `is served by ${firstOf(holder, plan)}: ${where}`;
    plan.outcome.lost.push({ field: path.field, message });
  }
}

/** An Ingress that has a default backend and no rules answers what no host takes. */
function claimCatchAll(host: HostClaims | undefined, plan: IngressPlan): void {
  const { defaultBackend, rules } = plan.ingress;
  if (host === undefined || rules.length > 0) {
    return;
  }
  const field = 'spec.defaultBackend';
  if (defaultBackend === null) {
    const message = 'there are neither rules nor a default backend: nothing can be served';
    plan.outcome.refused.push({ field: 'spec', message });
    return;
  }
  if (defaultBackend.resource !== null) {
    const message = 'resource backends are never served: use a service';
    plan.outcome.refused.push({ field: `${field}.resource`, message });
    return;
  }
  host.members.add(plan);
  for (const [id, holder] of host.definitions) {
    if (holder.path.text !== '/' || holder.exact) {
      continue;
    }
    if (holder.isFallback) {
      const { path, exact } = holder;
      const backend = defaultBackend;
      host.definitions.set(id, {
        path,
        exact,
        owner: plan,
        backend,
        field,
        isFallback: false,
        catchAll: true,
      });
      plan.outcome.kept += 1;
    } else {
      const message = `requests of other hosts are served by ${firstOf(holder, plan)}`;
      plan.outcome.lost.push({ field, message });
    }
    return;
  }
}

/** The Ingress that has what another one asks for too, and why. */
function firstOf({ owner }: Definition, loser: IngressPlan): string {
  const age = (owner?.ingress.meta.createdAt ?? 0) - (loser.ingress.meta.createdAt ?? 0);
  const why = age === 0 ? 'which is as old and comes first by descending name' : 'which is older';
  return `${owner?.key ?? 'the gateway'}, ${why}`;
}

/** As in ingress-nginx a default backend only serves hosts that its Ingress was the first to name. */
function tellUnusedDefaults(host: HostClaims, verdicts: VerdictCollector): void {
  const isOpen = [...host.definitions.values()].some((definition) => definition.isFallback);
  for (const plan of isOpen ? host.members : []) {
    if (plan !== host.creator && plan.ingress.defaultBackend !== null) {
      const owner = host.creator === null ? 'the gateway' : host.creator.key;
      const message = `does not answer for ${host.name?.text ?? 'requests of other hosts'}: ${owner} does, which had it first`;
      verdicts.add(plan.ref, 'served-with-difference', 'spec.defaultBackend', message);
    }
  }
}

function settled({ name, creator, members, definitions }: HostClaims): HostPlan {
  return { name, creator, members: [...members], definitions: [...definitions.values()] };
}

function compareHosts(a: HostPlan, b: HostPlan): number {
  return rankOf(a) - rankOf(b) || compareText(a.name?.text ?? '', b.name?.text ?? '');
}

function rankOf({ name }: HostPlan): number {
  if (name === null) {
    return 0;
  }
  return name.token === 'host' ? 1 : 2;
}

function idOf({ exact, path }: Pick<Definition, 'exact' | 'path'>): string {
  return `${exact ? '=' : '^'}${path.text}`;
}
