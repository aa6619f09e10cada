import type { Capabilities } from '../model/capabilities.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import type { AnnotationReading } from '../plugins/annotations.ts';
import type {
  AnnotationView,
  IngressContext,
  MemberContext,
  References,
  RouteContext,
} from '../plugins/context.ts';
import type { Options } from '../options/options.ts';
import type { Plugin } from '../plugins/plugin.ts';
import type { Definition, HostPlan } from './hosts.ts';
import type { IngressPlan } from './ingress.ts';
import type { Protections } from './protections.ts';
import { referencesOf, type ReferenceParts } from './references.ts';

/** Makes what plugins are called with. */
export class PluginContexts {
  readonly #capabilities: Capabilities;
  readonly #options: Options;
  readonly #parts: ReferenceParts;
  readonly #references = new Map<ObjectKey, References>();

  constructor(capabilities: Capabilities, options: Options, parts: ReferenceParts) {
    this.#capabilities = capabilities;
    this.#options = options;
    this.#parts = parts;
  }

  ingress(plugin: Plugin, ref: ObjectRef, reading: AnnotationReading | null): IngressContext {
    return {
      ...annotationView(plugin, objectKey(ref), reading),
      ...this.#referencesOf(ref),
      capabilities: this.#capabilities,
      options: this.#options,
      ownPorts: this.#parts.ownPorts,
      trafficLog: this.#parts.trafficLog,
      accessLogs: this.#parts.accessLogs,
    };
  }

  member(plugin: Plugin, plan: IngressPlan): MemberContext {
    const { closed, quarantined } = plan;
    return { ...this.ingress(plugin, plan.ref, plan.annotations), closed, quarantined };
  }

  /** What all plugins see of a route alike; `forPlugin` adds what is each one's own. */
  route(
    owner: IngressPlan,
    definition: Definition,
    host: HostPlan,
    { tls, httpsPort, protections }: RouteFacts,
  ): RouteBase {
    return {
      reading: owner.annotations,
      shared: {
        ...this.#referencesOf(owner.ref),
        object: owner.key,
        field: (name) => owner.annotations?.fields.get(name) ?? null,
        capabilities: this.#capabilities,
        options: this.#options,
        ownPorts: this.#parts.ownPorts,
        trafficLog: this.#parts.trafficLog,
        accessLogs: this.#parts.accessLogs,
        host: host.name,
        tls,
        path: definition.path,
        exact: definition.exact,
        catchAll: definition.catchAll,
        fallback: definition.isFallback,
        httpsPort,
        backend: backendOf(definition),
        guardOf: (service) => protections.ofPages(definition, host, service)?.words ?? null,
        settingsOf: (plugin) => owner.annotations?.settings.get(plugin) ?? {},
      },
    };
  }

  #referencesOf(ref: ObjectRef): References {
    const key = objectKey(ref);
    let references = this.#references.get(key);
    if (references === undefined) {
      references = referencesOf(ref, this.#parts);
      this.#references.set(key, references);
    }
    return references;
  }
}

/** What is known of a route beside its rule. */
export interface RouteFacts {
  readonly tls: boolean;
  readonly httpsPort: number;
  readonly protections: Protections;
}

export interface RouteBase {
  readonly reading: AnnotationReading | null;
  readonly shared: Omit<RouteContext, 'settings' | 'given'>;
}

function backendOf({ backend }: Definition): RouteContext['backend'] {
  const service = backend?.service ?? null;
  return service === null
    ? null
    : { service: service.name, port: service.port.name ?? String(service.port.number ?? '') };
}

/** The route as one plugin sees it. */
export function forPlugin(plugin: Plugin, { reading, shared }: RouteBase): RouteContext {
  return {
    ...shared,
    settings: reading?.settings.get(plugin.name) ?? {},
    given: reading?.given.get(plugin.name) ?? [],
  };
}

/** The annotations of one object as one plugin sees them. */
export function annotationView(
  plugin: Plugin,
  object: ObjectKey,
  reading: AnnotationReading | null,
): AnnotationView {
  return {
    object,
    settings: reading?.settings.get(plugin.name) ?? {},
    given: reading?.given.get(plugin.name) ?? [],
    field: (name) => reading?.fields.get(name) ?? null,
  };
}
