import type { Addition, InternalLocation, RequestHeader, ResponseHeader } from '../model/model.ts';
import { keyword } from '../model/words.ts';
import type { Reason } from '../model/verdict.ts';
import type { BackendProtocol, RouteAdditions, StandIn } from '../plugins/additions.ts';
import type { Plugin } from '../plugins/plugin.ts';
import type { SessionCookie } from '../plugins/session-cookie.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import type { BackendForm } from './backends.ts';
import type { IngressPlan } from './ingress.ts';
import { forPlugin, type PluginContexts, type RouteBase } from './plugin-contexts.ts';
import type { VerdictCollector } from './verdicts.ts';

/** How a backend is spoken to where no plugin says otherwise. */
export const plainHttp: BackendProtocol = {
  protocol: keyword('http'),
  grpc: false,
  fastcgi: false,
};

/** What the plugins add to a route. */
export interface Collected {
  readonly additions: readonly Addition[];
  readonly requestHeaders: readonly RequestHeader[];
  readonly responseHeaders: readonly ResponseHeader[];
  readonly internals: readonly InternalLocation[];
  /** Names that nginx may say in a message about this route. */
  readonly names: readonly string[];
  readonly backend: BackendProtocol;
  readonly answers: boolean;
  readonly form: BackendForm;
  readonly standIn: StandIn | null;
  /** Clients stay with one endpoint by this cookie. */
  readonly session: SessionCookie | null;
  /** Plugins whose addition only makes sense with a backend. */
  readonly proxied: ReadonlySet<string>;
}

/** A plugin that has to be asked about each route, or what it has said about all of them. */
interface Asked {
  readonly plugin: Plugin;
  readonly added: RouteAdditions | null;
}

interface OfIngress {
  /** Those that have something to say, in the plugins' order. */
  readonly asked: readonly Asked[];
  /** By what was said about the routes one by one: equal ones share their lists, which are then compared once. */
  readonly collected: Map<string, Collected | null>;
  /** Why routes of it are closed. */
  readonly closing: Reason[];
  /** Whether some route is not. */
  isOpen: boolean;
}

/** Asks the plugins about routes: once for each Ingress where its routes make no difference to them. */
export class RouteCollector {
  readonly #plugins: PluginRegistry;
  readonly #contexts: PluginContexts;
  readonly #verdicts: VerdictCollector;
  readonly #ingresses = new Map<IngressPlan, OfIngress>();
  /** Have nothing to say about an Ingress that sets none of their annotations. */
  readonly #silent = new Set<Plugin>();

  constructor(plugins: PluginRegistry, contexts: PluginContexts, verdicts: VerdictCollector) {
    this.#plugins = plugins;
    this.#contexts = contexts;
    this.#verdicts = verdicts;
  }

  /** What the plugins add to a route, in their order; null where one of them has to close it. */
  collect(base: RouteBase, owner: IngressPlan): Collected | null {
    const ofOwner = this.#of(owner);
    const { asked, collected } = ofOwner;
    const own = asked.map(({ plugin, added }) =>
      added === null ? (plugin.route?.(forPlugin(plugin, base)) ?? {}) : null,
    );
    const key = JSON.stringify(own);
    let found = collected.get(key);
    if (found === undefined) {
      const all = asked.map(({ plugin, added }, index) => ({ plugin, added: added ?? own[index] ?? {} }));
      found = this.#gather(all, owner, ofOwner.closing);
      collected.set(key, found);
    }
    ofOwner.isOpen ||= found !== null;
    return found;
  }

  /** Says why routes are closed, when all routes have been asked about: whoever has no open one is not served. */
  tell(): void {
    for (const [{ ref }, { closing, isOpen }] of this.#ingresses) {
      this.#verdicts.addAll(ref, isOpen ? 'served-with-difference' : 'rejected', closing);
    }
  }

  #of(owner: IngressPlan): OfIngress {
    let found = this.#ingresses.get(owner);
    if (found === undefined) {
      found = { asked: this.#ask(owner), collected: new Map(), closing: [], isOpen: false };
      this.#ingresses.set(owner, found);
    }
    return found;
  }

  #ask({ ref, annotations }: IngressPlan): Asked[] {
    return this.#plugins.forRoute(annotations?.settings ?? new Map()).flatMap((plugin): Asked[] => {
      if (plugin.routes === undefined) {
        return plugin.route === undefined ? [] : [{ plugin, added: null }];
      }
      const isGiven = annotations?.given.has(plugin.name) === true;
      if (!isGiven && this.#silent.has(plugin)) {
        return [];
      }
      const added = plugin.routes(this.#contexts.ingress(plugin, ref, annotations));
      if (Object.keys(added).length > 0) {
        return [{ plugin, added }];
      }
      if (!isGiven) {
        this.#silent.add(plugin);
      }
      return [];
    });
  }

  #gather(
    all: readonly { readonly plugin: Plugin; readonly added: RouteAdditions }[],
    owner: IngressPlan,
    closing: Reason[],
  ): Collected | null {
    const additions: Addition[] = [];
    const requestHeaders: RequestHeader[] = [];
    const responseHeaders: ResponseHeader[] = [];
    const internals: InternalLocation[] = [];
    const names: string[] = [];
    const proxied = new Set<string>();
    let backend = plainHttp;
    let isClosed = false;
    let answers = false;
    let form: BackendForm = {};
    let standIn: StandIn | null = null;
    let session: SessionCookie | null = null;
    for (const { plugin, added } of all) {
      this.#verdicts.addAll(owner.ref, 'served-with-difference', added.differences ?? []);
      closing.push(...(added.unavailable ?? []));
      isClosed ||= added.unavailable !== undefined && added.unavailable.length > 0;
      backend = added.backend ?? backend;
      answers ||= added.answers === true;
      form = formOf(form, added);
      standIn = added.standIn ?? standIn;
      session = added.session ?? session;
      if (added.onlyProxied === true) {
        proxied.add(plugin.name);
      }
      if (added.location !== undefined) {
        additions.push({ plugin: plugin.name, settings: added.location });
      }
      requestHeaders.push(...(added.requestHeaders ?? []));
      responseHeaders.push(...(added.responseHeaders ?? []));
      names.push(...(added.names ?? []));
      for (const internal of added.internals ?? []) {
        internals.push({ ...internal, plugin: plugin.name, origin: owner.key });
      }
    }
    return isClosed
      ? null
      : {
          additions,
          requestHeaders,
          responseHeaders,
          internals,
          names,
          backend,
          answers,
          form,
          proxied,
          standIn,
          session,
        };
  }
}

function formOf(
  { clusterAddress = false, connections = '' }: BackendForm,
  added: RouteAdditions,
): BackendForm {
  return {
    clusterAddress: clusterAddress || added.clusterAddress === true,
    connections: connections + (added.connections ?? ''),
  };
}
