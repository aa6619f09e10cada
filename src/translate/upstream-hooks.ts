import type { Capabilities } from '../model/capabilities.ts';
import type { Addition, Upstream, UpstreamZone } from '../model/model.ts';
import { parseObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { token } from '../model/token.ts';
import { identifier } from '../model/words.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import { hashOf, type Told } from '../plugins/additions.ts';
import { readAnnotations, type AnnotationReading } from '../plugins/annotations.ts';
import type { Options } from '../options/options.ts';
import type { Plugin } from '../plugins/plugin.ts';
import { ownPrefix, type PluginRegistry } from '../plugins/registry.ts';
import type { Alternatives } from './alternatives.ts';
import type { Definition, HostPlan } from './hosts.ts';
import { closeByBug, type IngressPlan } from './ingress.ts';
import { annotationView, type PluginContexts } from './plugin-contexts.ts';
import type { Route } from './routes.ts';
import { asks, tell } from './server-hooks.ts';
import type { VerdictCollector } from './verdicts.ts';

export interface UpstreamHookParts {
  readonly snapshot: Snapshot;
  readonly plans: readonly IngressPlan[];
  readonly capabilities: Capabilities;
  readonly options: Options;
  readonly plugins: PluginRegistry;
  readonly contexts: PluginContexts;
  readonly verdicts: VerdictCollector;
}

/** What the routes do, and who is an alternative for them. */
export interface Routing {
  readonly routes: ReadonlyMap<Definition, Route>;
  readonly alternatives: Alternatives;
}

/** By name of an upstream: the Ingresses that lead there, oldest first. */
export type UpstreamUsers = ReadonlyMap<string, readonly IngressPlan[]>;

/**
 * Who leads where. `plans` are in order of age. An Ingress has a say about Services of its own namespace alone: the
 * global default backend answers for many, and none of them shapes what the others get.
 */
export function upstreamUsers(
  plans: readonly IngressPlan[],
  hosts: readonly HostPlan[],
  upstreams: readonly Upstream[],
  { routes, alternatives }: Routing,
): UpstreamUsers {
  const namespaces = new Map(
    upstreams.map(({ name, origin }) => [name.text, parseObjectKey(origin ?? '')?.namespace]),
  );
  const found = new Map<string, Set<IngressPlan>>();
  function add(name: string, user: IngressPlan): void {
    if (namespaces.get(name) === user.ref.namespace) {
      found.set(name, (found.get(name) ?? new Set()).add(user));
    }
  }
  for (const { definitions } of hosts) {
    for (const definition of definitions) {
      const route = routes.get(definition);
      const name = route?.action.proxy?.upstream?.text;
      const { owner } = definition;
      // Without a backend of its own it is the global default backend that answers.
      if (name !== undefined && owner !== null && definition.backend !== null) {
        add(name, owner);
      }
      const isRemembered = route?.split?.memory !== undefined && route.split.memory !== null;
      for (const { target, origin } of route?.split?.alternatives ?? []) {
        const candidate = alternatives.get(definition)?.find(({ plan }) => plan.key === origin);
        if (candidate !== undefined) {
          add(target.text, candidate.plan);
        }
        // A session that is to stay there needs the cookie of the primary there too.
        if (owner !== null && isRemembered && candidate?.policy.followsSessions === true) {
          add(target.text, owner);
        }
      }
    }
  }
  const age = new Map(plans.map((plan, index) => [plan, index]));
  return new Map(
    [...found].map(([name, users]) => [
      name,
      [...users].sort((a, b) => (age.get(a) ?? 0) - (age.get(b) ?? 0)),
    ]),
  );
}

/**
 * What plugins add to an upstream. Where one throws, the Ingresses that asked for it are closed; their routes are
 * to be closed again after this.
 */
export function planUpstream(
  upstream: Upstream,
  users: readonly IngressPlan[],
  parts: UpstreamHookParts,
): Upstream {
  const service = readService(upstream, parts);
  const additions: Addition[] = [];
  let isShared = false;
  for (const plugin of parts.plugins.list()) {
    if (plugin.upstream === undefined) {
      continue;
    }
    try {
      const added = callUpstream(plugin, upstream, users, service, parts);
      if (added.upstream !== undefined) {
        additions.push({ plugin: plugin.name, settings: added.upstream });
      }
      isShared ||= added.zone === true;
      tell(users, added.differences ?? [], parts.verdicts);
      tellService(upstream, added.differences ?? [], parts.verdicts);
    } catch (error) {
      for (const user of users.filter((each) => asks(each, plugin))) {
        closeByBug(user, error, parts.verdicts);
      }
    }
  }
  return additions.length === 0 && !isShared
    ? upstream
    : { ...upstream, additions, zone: isShared ? zoneOf(upstream) : upstream.zone };
}

/** What is to be told to the Service itself, for its own annotations. */
function tellService({ origin }: Upstream, told: readonly Told[], verdicts: VerdictCollector): void {
  const ref = origin === null ? null : parseObjectKey(origin);
  for (const { reasons } of ref === null ? [] : told.filter(({ object }) => object === origin)) {
    verdicts.addAll(ref as ObjectRef, 'served-with-difference', reasons);
  }
}

function callUpstream(
  plugin: Plugin,
  upstream: Upstream,
  users: readonly IngressPlan[],
  service: AnnotationReading | null,
  { capabilities, options, contexts }: UpstreamHookParts,
): ReturnType<NonNullable<Plugin['upstream']>> {
  return (
    plugin.upstream?.({
      name: upstream.name,
      members: users.map((user) => contexts.member(plugin, user)),
      service: annotationView(plugin, upstream.origin ?? '', service),
      peers: upstream.peers.length,
      capabilities,
      options,
    }) ?? {}
  );
}

/** The annotations of the Service under our own prefix; those for Ingresses alone are told to do nothing. */
function readService(
  upstream: Upstream,
  { snapshot, plugins, options, verdicts }: UpstreamHookParts,
): AnnotationReading | null {
  const ref = upstream.origin === null ? null : parseObjectKey(upstream.origin);
  const service = ref === null ? undefined : snapshot.services.get(`${ref.namespace}/${ref.name}`);
  const own = Object.entries(service?.meta.annotations ?? {}).filter(([key]) =>
    key.startsWith(`${ownPrefix}/`),
  );
  if (ref === null || own.length === 0) {
    return null;
  }
  const reading = readAnnotations(plugins, Object.fromEntries(own), options);
  const reasons = [...reading.rejected, ...reading.denied, ...reading.differences];
  verdicts.addAll(ref, 'served-with-difference', reasons);
  for (const [name] of reading.given) {
    if (plugins.get(name)?.upstream === undefined) {
      for (const annotation of reading.given.get(name) ?? []) {
        const field = reading.fields.get(annotation) ?? '';
        const message = 'has no effect on a Service: set it on the Ingress';
        verdicts.add(ref, 'served-with-difference', field, message);
      }
    }
  }
  return reading;
}

/** IPv4 peers that fit, measured (design, section 6), with a fifth to spare: 52, 130, 286, 618, 1261. */
const zoneSizes: readonly (readonly [number, string])[] = [
  [40, '64k'],
  [100, '128k'],
  [220, '256k'],
  [480, '512k'],
  [1000, '1m'],
];

/** nginx only logs that a zone is full, so it is large enough from the start; a new size is a new zone. */
function zoneOf({ name, peers }: Upstream): UpstreamZone {
  const size = zoneSizes.find(([most]) => peers.length <= most)?.[1] ?? `${Math.ceil(peers.length / 1000)}m`;
  return { name: identifier(`upstream_${hashOf([name.text, size])}`), size: token('size', size) };
}
