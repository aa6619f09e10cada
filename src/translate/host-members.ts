import type { ServerAdditions } from '../plugins/additions.ts';
import type { Plugin } from '../plugins/plugin.ts';
import { hostField, type HostPlan } from './hosts.ts';
import type { IngressPlan } from './ingress.ts';
import { textOf } from './protections.ts';
import type { VerdictCollector } from './verdicts.ts';

/** What one plugin does to all of a host, and the Ingresses that it does so for. */
export interface HostChange {
  readonly plugin: Plugin;
  readonly members: readonly IngressPlan[];
  readonly added: ServerAdditions;
}

/** What an Ingress of another namespace than its host's would have a plugin do. */
export interface StrangerChange extends HostChange {
  readonly stranger: IngressPlan;
  /** Whom the host belongs to. */
  readonly decider: IngressPlan;
}

/**
 * Nothing that an Ingress of another namespace asks for holds for a whole host. Where it is a protection, its own
 * routes are closed, for they cannot have it; unless those whom the host belongs to ask for the very same.
 */
export function judgeStranger(host: HostPlan, change: StrangerChange, verdicts: VerdictCollector): void {
  const { plugin, members, stranger, decider, added } = change;
  const names = hostNames(stranger, plugin);
  const first = members.find((member) => hostNames(member, plugin).length > 0);
  if (first !== undefined && settingsOf(first, plugin) === settingsOf(stranger, plugin)) {
    return;
  }
  if (!changesHost(added) && (added.companions ?? []).length === 0) {
    return;
  }
  const isProtection = names.some((name) => {
    const spec = plugin.annotations[name];
    return spec?.protective === true && spec.protection?.(textOf(stranger, name)) !== '';
  });
  const where = host.name?.text ?? 'requests of other hosts';
  const effect = isProtection ? 'cannot hold: the routes of this object answer 503' : 'has no effect';
  const message = `${effect} on ${where}, which belongs to ${decider.key}: only Ingresses of its namespace decide about all of a host; ask for it there`;
  const reasons = names.map((name) => ({ field: stranger.annotations?.fields.get(name) ?? '', message }));
  stranger.closed ||= isProtection;
  verdicts.addAll(stranger.ref, isProtection ? 'rejected' : 'served-with-difference', reasons);
}

/** Tells the others of a host what one of them does to all of it. */
export function tellOthers(host: HostPlan, change: HostChange, verdicts: VerdictCollector): void {
  const { plugin, members, added } = change;
  const closing = (added.close ?? []).map(({ object }) => object);
  const isClosing = closing.length > 0;
  if (!isClosing && !changesHost(added)) {
    return;
  }
  const asking = members.filter((member) =>
    isClosing ? closing.includes(member.key) : hostNames(member, plugin).length > 0,
  );
  const who = asking.map((member) => `${wordsOf(member, plugin)} of ${member.key}`).join('; ');
  const where = host.name?.text ?? 'requests of other hosts';
  const message = isClosing
    ? `${where} answers 503, whatever the path: ${who} cannot be built, and protects all of the host`
    : `${who}: holds for all of ${where}, for the routes of this object too`;
  for (const member of host.members.filter((each) => !asking.includes(each))) {
    const isAll = member.rules.every((rule) => rule.host?.text === host.name?.text);
    const state = isAll ? 'rejected' : 'served-with-difference';
    verdicts.add(member.ref, isClosing ? state : 'served', hostField(member, host), message);
  }
}

/** The annotations of a plugin that an Ingress sets and that hold for a whole host. */
function hostNames({ annotations }: Pick<IngressPlan, 'annotations'>, plugin: Plugin): string[] {
  const given = annotations?.given.get(plugin.name) ?? [];
  return given.filter((name) => plugin.annotations[name]?.scope === 'server');
}

/** Without annotations for a host it is a bug of the plugin that is told. */
function wordsOf(member: IngressPlan, plugin: Plugin): string {
  const names = hostNames(member, plugin);
  return names.length === 0 ? `plugin ${plugin.name}` : names.join(', ');
}

function changesHost({ server, end, ...added }: ServerAdditions): boolean {
  const lists = [added.requestHeaders, added.responseHeaders, added.aliases, added.close];
  return server !== undefined || end !== undefined || lists.some((list) => (list ?? []).length > 0);
}

/** What decides about a host, to be compared. */
function settingsOf({ annotations }: IngressPlan, plugin: Plugin): string {
  const settings = annotations?.settings.get(plugin.name) ?? {};
  const names = Object.keys(plugin.annotations).filter(
    (name) => plugin.annotations[name]?.scope === 'server',
  );
  return JSON.stringify(names.map((name) => settings[name]));
}
