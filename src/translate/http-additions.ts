import type { Addition, Upstream } from '../model/model.ts';
import type { Token } from '../model/token.ts';
import type { Options } from '../options/options.ts';
import type { Settings } from '../plugins/additions.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import type { Definition, HostPlan } from './hosts.ts';
import { closeByBug, type IngressPlan } from './ingress.ts';
import type { Route } from './routes.ts';
import { asks, type ServerPlan } from './server-hooks.ts';
import type { VerdictCollector } from './verdicts.ts';

export interface HttpHookParts {
  readonly plans: readonly IngressPlan[];
  readonly routes: ReadonlyMap<Definition, Route>;
  readonly servers: ReadonlyMap<HostPlan, ServerPlan>;
  readonly upstreams: readonly Upstream[];
  readonly plugins: PluginRegistry;
  readonly options: Options;
  readonly temporaryPath: Token<'file'>;
  readonly verdicts: VerdictCollector;
}

/** What one plugin has put into the other slots. */
class Used {
  readonly locations: Settings[] = [];
  readonly servers: Settings[] = [];
  readonly upstreams: Settings[] = [];
  readonly internals: Settings[] = [];
  readonly owners = new Set<IngressPlan>();
}

/** What plugins print once for all servers; where one throws, the Ingresses that need it are closed. */
export function httpAdditions(parts: HttpHookParts): Addition[] {
  const found = collectUsed(parts);
  return parts.plugins.list().flatMap((plugin): Addition[] => {
    const used = found.get(plugin.name);
    try {
      const settings =
        used === undefined
          ? null
          : (plugin.http?.(used.locations, {
              servers: used.servers,
              upstreams: used.upstreams,
              internals: used.internals,
              options: parts.options,
              temporaryPath: parts.temporaryPath,
            }) ?? null);
      return settings === null ? [] : [{ plugin: plugin.name, settings }];
    } catch (error) {
      const asking = parts.plans.filter((plan) => asks(plan, plugin));
      for (const owner of new Set([...(used?.owners ?? []), ...asking])) {
        closeByBug(owner, error, parts.verdicts);
      }
      return [];
    }
  });
}

function collectUsed({ routes, servers, upstreams }: HttpHookParts): Map<string, Used> {
  const found = new Map<string, Used>();
  function of(plugin: string): Used {
    const used = found.get(plugin) ?? new Used();
    found.set(plugin, used);
    return used;
  }
  for (const [{ owner }, route] of routes) {
    if (owner === null || owner.closed) {
      continue;
    }
    for (const { plugin, settings } of route.additions) {
      const used = of(plugin);
      used.locations.push(settings);
      used.owners.add(owner);
    }
    for (const { plugin, settings } of route.internals) {
      const used = of(plugin);
      used.internals.push(settings);
      used.owners.add(owner);
    }
  }
  for (const plan of servers.values()) {
    for (const { plugin, settings } of [...plan.additions, ...plan.companions]) {
      of(plugin).servers.push(settings);
    }
  }
  for (const { plugin, settings } of upstreams.flatMap(({ additions }) => additions)) {
    of(plugin).upstreams.push(settings);
  }
  return found;
}
