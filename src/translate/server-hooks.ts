import type { Capabilities } from '../model/capabilities.ts';
import { coversHost } from '../model/certificate.ts';
import type { Addition, RequestHeader, ResponseHeader } from '../model/model.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { ServerAdditions, ServerAlias, ServerCompanion, Told } from '../plugins/additions.ts';
import type { Options } from '../options/options.ts';
import type { Plugin } from '../plugins/plugin.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import { deciderOf, type HostPlan } from './hosts.ts';
import { judgeStranger, tellOthers, type HostChange } from './host-members.ts';
import { closeByBug, type IngressPlan } from './ingress.ts';
import type { PluginContexts } from './plugin-contexts.ts';
import { tlsOf } from './servers.ts';
import type { TranslateSettings } from './settings.ts';
import type { HostTls } from './tls.ts';
import type { VerdictCollector } from './verdicts.ts';

/** What plugins have added to one server. */
export interface ServerPlan {
  readonly additions: readonly Addition[];
  /** What stands after the locations. */
  readonly endings: readonly Addition[];
  readonly requestHeaders: readonly RequestHeader[];
  readonly responseHeaders: readonly ResponseHeader[];
  readonly aliases: readonly ServerAlias[];
  readonly companions: readonly (ServerCompanion & { readonly plugin: string })[];
  readonly ownTls: boolean;
  readonly closed: boolean;
}

export interface ServerHookParts {
  readonly hosts: readonly HostPlan[];
  /** By host name. */
  readonly tls: ReadonlyMap<string, HostTls>;
  readonly settings: TranslateSettings;
  readonly capabilities: Capabilities;
  readonly options: Options;
  readonly plugins: PluginRegistry;
  readonly contexts: PluginContexts;
  readonly verdicts: VerdictCollector;
}

/**
 * Asks the plugins about every host, for those Ingresses that set annotations of theirs. Where one throws, the host
 * answers 503: nobody knows what would have protected it.
 */
export function planServers(parts: ServerHookParts): Map<HostPlan, ServerPlan> {
  const plugins = parts.plugins.list().filter((plugin) => plugin.server !== undefined);
  const names = new Set(parts.hosts.map(({ name }) => name?.text ?? ''));
  const plans = new Map<HostPlan, ServerPlan>();
  for (const host of parts.hosts) {
    const asked = plugins.filter((plugin) => host.members.some((member) => asks(member, plugin)));
    if (asked.length > 0) {
      plans.set(host, planServer(host, asked, names, parts));
    }
  }
  dropTaken(plans, names, parts.verdicts);
  return plans;
}

/** Whether an object sets an annotation of a plugin. */
export function asks({ annotations }: Pick<IngressPlan, 'annotations'>, plugin: Plugin): boolean {
  return annotations?.given.has(plugin.name) === true;
}

function planServer(
  host: HostPlan,
  plugins: readonly Plugin[],
  names: ReadonlySet<string>,
  parts: ServerHookParts,
): ServerPlan {
  const additions: Addition[] = [];
  const endings: Addition[] = [];
  const requestHeaders: RequestHeader[] = [];
  const responseHeaders: ResponseHeader[] = [];
  const aliases: ServerAlias[] = [];
  const companions: (ServerCompanion & { readonly plugin: string })[] = [];
  const changes: HostChange[] = [];
  let closed = false;
  let ownTls = false;
  const decider = deciderOf(host);
  for (const plugin of plugins) {
    const asking = host.members.filter((member) => asks(member, plugin));
    const members = asking.filter(({ ref }) => ref.namespace === decider.ref.namespace);
    for (const stranger of asking.filter((each) => !members.includes(each))) {
      try {
        const added = callServer(plugin, host, [stranger], names, parts);
        judgeStranger(host, { plugin, members, added, stranger, decider }, parts.verdicts);
      } catch (error) {
        closeByBug(stranger, error, parts.verdicts);
      }
    }
    if (members.length === 0) {
      continue;
    }
    try {
      const added = callServer(plugin, host, members, names, parts);
      if (added.server !== undefined) {
        additions.push({ plugin: plugin.name, settings: added.server });
      }
      if (added.end !== undefined) {
        endings.push({ plugin: plugin.name, settings: added.end });
      }
      requestHeaders.push(...(added.requestHeaders ?? []));
      responseHeaders.push(...(added.responseHeaders ?? []));
      aliases.push(...(added.aliases ?? []));
      companions.push(...(added.companions ?? []).map((each) => ({ ...each, plugin: plugin.name })));
      ownTls ||= added.ownTls === true;
      closed ||= (added.close ?? []).length > 0;
      changes.push({ plugin, members, added });
      tell(host.members, added.close ?? [], parts.verdicts);
      denyAll(host.members, added.deny ?? [], parts.verdicts);
      tell(host.members, added.differences ?? [], parts.verdicts);
    } catch (error) {
      closed = true;
      changes.push({
        plugin,
        members,
        added: { close: members.map(({ key }) => ({ object: key, reasons: [] })) },
      });
      for (const member of members) {
        closeByBug(member, error, parts.verdicts);
      }
    }
  }
  for (const change of changes) {
    tellOthers(host, change, parts.verdicts);
  }
  return { additions, endings, requestHeaders, responseHeaders, aliases, companions, ownTls, closed };
}

function callServer(
  plugin: Plugin,
  host: HostPlan,
  members: readonly IngressPlan[],
  names: ReadonlySet<string>,
  { tls, settings, capabilities, options, contexts }: ServerHookParts,
): ServerAdditions {
  const ownTls = host.name === null ? null : tlsOf(host.name, tls);
  return (
    plugin.server?.({
      host: host.name,
      tls: ownTls !== null,
      covers: (name) => coversHost(ownTls?.names ?? [], name),
      isHost: (name) => names.has(name),
      members: members.map((member) => contexts.member(plugin, member)),
      paths: host.definitions.map(({ path }) => path),
      capabilities,
      options,
      httpPort: settings.httpPort,
      httpsPort: settings.httpsPort,
    }) ?? {}
  );
}

function denyAll(plans: readonly IngressPlan[], denied: readonly Told[], verdicts: VerdictCollector): void {
  for (const { object, reasons } of denied) {
    const plan = plans.find(({ key }) => key === object);
    if (plan !== undefined) {
      plan.closed = true;
      verdicts.addAll(plan.ref, 'rejected', reasons);
    }
  }
}

/** Adds reasons to the Ingresses that they are for. */
export function tell(plans: readonly IngressPlan[], told: readonly Told[], verdicts: VerdictCollector): void {
  for (const { object, reasons } of told) {
    const plan = plans.find(({ key }) => key === object);
    if (plan !== undefined) {
      verdicts.addAll(plan.ref, 'served-with-difference', reasons);
    }
  }
}

/** A name stands for one server: rules come before aliases, and those before companions; among each, hosts by order. */
function dropTaken(
  plans: Map<HostPlan, ServerPlan>,
  names: ReadonlySet<string>,
  verdicts: VerdictCollector,
): void {
  const owners = new Map<string, ObjectKey>();
  function isFree(host: HostPlan, name: string, object: ObjectKey, field: string): boolean {
    const isOther = names.has(name) || owners.has(name);
    if (!isOther) {
      owners.set(name, object);
      return true;
    }
    if (name !== host.name?.text) {
      const why = names.has(name) ? 'an Ingress has a rule for it' : `${owners.get(name)} has it already`;
      tell(
        host.members,
        [{ object, reasons: [{ field, message: `${name} is left out: ${why}` }] }],
        verdicts,
      );
    }
    return false;
  }
  for (const [host, plan] of plans) {
    const aliases = plan.aliases.filter(({ name, object, field }) => isFree(host, name.text, object, field));
    plans.set(host, { ...plan, aliases });
  }
  for (const [host, plan] of plans) {
    const companions = plan.companions.filter(({ name, object, field }) =>
      isFree(host, name.text, object, field),
    );
    plans.set(host, { ...plan, companions });
  }
}
