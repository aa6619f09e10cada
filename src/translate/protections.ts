import { optionTable, type Options } from '../options/options.ts';
import { annotationField } from '../plugins/annotations.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import type { Alternatives } from './alternatives.ts';
import type { Definition, HostPlan } from './hosts.ts';
import type { IngressPlan } from './ingress.ts';
import type { TranslateSettings } from './settings.ts';

/** What keeps requests out, as it is told: an annotation or an option. */
export interface Guard {
  /** For example `auth-type of Ingress/default/shop`, or `the option block-cidrs`. */
  readonly words: string;
  /** The field of the Ingress that asks for it; null of what the options ask for. */
  readonly field: string | null;
}

export interface ProtectionParts {
  readonly hosts: readonly HostPlan[];
  readonly alternatives: Alternatives;
  readonly settings: Pick<TranslateSettings, 'defaultBackendService'>;
  readonly plugins: PluginRegistry;
  readonly options: Options;
  /** The texts of options, by key. */
  readonly inForce: Readonly<Record<string, string>>;
}

/** Lists that hold for routes without one of their own. */
const lists = ['whitelist-source-range', 'denylist-source-range'] as const;

/** Lists that hold before nginx chooses a route: there is no page of an error yet that could get past them. */
const blocks = ['block-cidrs', 'block-user-agents', 'block-referers'] as const;

const snippetOptions = ['main-snippet', 'http-snippet', 'server-snippet', 'location-snippet'] as const;

/** Protect a backend's answers, or switch a protection of the options off: they keep no client out. */
const others: ReadonlySet<string> = new Set(['enable-global-auth']);
const otherPlugins: ReadonlySet<string> = new Set(['proxy-ssl']);

/** What keeps requests out of which route, whoever asks for it: annotations, options, snippets, plugins of users. */
export class Protections {
  readonly #parts: ProtectionParts;
  readonly #ofIngress = new Map<IngressPlan, Guard | null>();
  readonly #ofHost = new Map<HostPlan, Guard | null>();
  readonly #ofOptions: Guard | null;
  #guarded: Map<string, Guard> | null = null;

  constructor(parts: ProtectionParts) {
    this.#parts = parts;
    this.#ofOptions = this.#readOptions();
  }

  /** What holds for every request. */
  ofAll(): Guard | null {
    const { options } = this.#parts;
    const list = blocks.find((name) => options[name].length > 0);
    const block = options['enable-modsecurity'] ? 'enable-modsecurity' : list;
    return block === undefined ? this.#ofOptions : { words: `the option ${block}`, field: null };
  }

  /** What the annotations of an Ingress ask for, be it closed, and the global check of those without one. */
  ofIngress(plan: IngressPlan): Guard | null {
    let found = this.#ofIngress.get(plan);
    if (found === undefined) {
      found = this.#readIngress(plan, false) ?? this.#globalCheck(plan);
      this.#ofIngress.set(plan, found);
    }
    return found;
  }

  /** What nginx holds against requests of a route: what its owner asks for, and anybody for all of the host. */
  ofRoute({ owner }: Definition, host: HostPlan): Guard | null {
    if (owner === null) {
      return null;
    }
    return this.#ofOptions ?? this.ofIngress(owner) ?? this.#forHost(host);
  }

  /**
   * What a request for a page of a Service would get past: nginx asks for the pages of errors without looking at the
   * protections of the route, also where it has not come to them yet. `service` is of the owner's namespace, and
   * guarded where any protected route leads to it. Null is the global default backend: everybody may ask that, but
   * where the route itself leads there.
   */
  ofPages(definition: Definition, host: HostPlan, service: string | null): Guard | null {
    const guard = this.ofRoute(definition, host);
    if (guard === null || definition.owner === null) {
      return null;
    }
    const { defaultBackendService } = this.#parts.settings;
    const wanted = service === null ? defaultBackendService : `${definition.owner.ref.namespace}/${service}`;
    if (this.#servicesOf(definition).includes(wanted)) {
      return guard;
    }
    return service === null ? null : (this.#allGuarded().get(wanted) ?? null);
  }

  /** What somebody asks for that holds for all of a host. */
  #forHost(host: HostPlan): Guard | null {
    let found = this.#ofHost.get(host);
    if (found === undefined) {
      found =
        host.members.map((member) => this.#readIngress(member, true)).find((each) => each !== null) ?? null;
      this.#ofHost.set(host, found);
    }
    return found;
  }

  /** By `namespace/name`: the Services that protected routes lead to. */
  #allGuarded(): Map<string, Guard> {
    if (this.#guarded === null) {
      this.#guarded = new Map();
      for (const host of this.#parts.hosts) {
        for (const definition of host.definitions) {
          const guard = this.ofRoute(definition, host);
          for (const service of guard === null ? [] : this.#servicesOf(definition)) {
            this.#guarded.set(service, this.#guarded.get(service) ?? (guard as Guard));
          }
        }
      }
    }
    return this.#guarded;
  }

  /** The Services of a route and of all that takes requests of it. */
  #servicesOf(definition: Definition): string[] {
    const { owner, backend } = definition;
    const candidates = this.#parts.alternatives.get(definition) ?? [];
    const named = [
      { namespace: owner?.ref.namespace ?? '', service: backend?.service ?? null },
      ...candidates.map(({ plan, path }) => ({
        namespace: plan.ref.namespace,
        service: path.backend.service,
      })),
    ];
    return named.flatMap(({ namespace, service }) =>
      service === null ? [] : [`${namespace}/${service.name}`],
    );
  }

  #readOptions(): Guard | null {
    const { options, inForce } = this.#parts;
    const list = lists.find((name) => (options[name]?.length ?? 0) > 0);
    const snippet = snippetOptions.find((name) => {
      const text = inForce[name];
      return text !== undefined && optionTable.get(name)?.keepsOut?.(text) === true;
    });
    const name = list ?? snippet;
    return name === undefined ? null : { words: `the option ${name}`, field: null };
  }

  #globalCheck({ annotations }: IngressPlan): Guard | null {
    const isAsked = annotations?.settings.get('external-auth')?.['enable-global-auth'] !== false;
    return this.#parts.options['global-auth-url'] !== null && isAsked
      ? { words: 'the option global-auth-url', field: null }
      : null;
  }

  #readIngress(plan: IngressPlan, isForHost: boolean): Guard | null {
    const { plugins } = this.#parts;
    for (const [plugin, names] of plan.annotations?.given ?? []) {
      const name = names.find((each) => {
        const spec = plugins.specOf(each)?.spec;
        return (
          spec?.protective === true &&
          !others.has(each) &&
          (!isForHost || spec.scope === 'server') &&
          spec.protection?.(textOf(plan, each)) !== ''
        );
      });
      if (name !== undefined && !otherPlugins.has(plugin)) {
        return { words: `${name} of ${plan.key}`, field: plan.annotations?.fields.get(name) ?? '' };
      }
    }
    return null;
  }
}

/** The text of an annotation that an Ingress sets, by its name without prefix. */
export function textOf({ annotations, ingress }: IngressPlan, name: string): string {
  const field = annotations?.fields.get(name);
  const texts = Object.entries(ingress.meta.annotations);
  return texts.find(([key]) => annotationField(key) === field)?.[1] ?? '';
}
