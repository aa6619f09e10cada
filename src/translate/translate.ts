import type { Snapshot } from '../cluster/snapshot.ts';
import type { Allowances } from '../model/candidate.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { Certificate, Model, Server, Upstream } from '../model/model.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { SecretValue } from '../model/secret-value.ts';
import type { Reason, Verdict } from '../model/verdict.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import { findAlternatives } from './alternatives.ts';
import { ArtifactFiles } from './artifact-files.ts';
import { printable } from '../options/options.ts';
import type { GoodOptions } from '../options/read-options.ts';
import { Backends, isSound } from './backends.ts';
import { isOurClass, reasonToIgnore } from './classes.ts';
import { dhParameters } from './dh-parameters.ts';
import { globalHeaders } from './global-headers.ts';
import { accessLogs, httpSettings, listeners, mainSettings, readResolvers, temporaryPath } from './frame.ts';
import { claimHosts, type Definition, type HostPlan } from './hosts.ts';
import { globalOptions, type GlobalOptions } from './global-options.ts';
import { httpAdditions } from './http-additions.ts';
import { bugMessage, closeByBug, planIngress, type IngressPlan } from './ingress.ts';
import { logAllowances } from './log-targets.ts';
import { compareAge, compareText } from './order.ts';
import { optionalModulesToLoad } from './optional-modules.ts';
import { PluginContexts } from './plugin-contexts.ts';
import { Protections } from './protections.ts';
import { closeRoutes, routeAll, type Route } from './routes.ts';
import { behindStream, passthroughNames, passthroughOf, planPassthrough } from './stream-passthrough.ts';
import { streamModules, streamSettings } from './stream-frame.ts';
import { streamNames, streamPorts, streamServers } from './streams.ts';
import { planServers, type ServerPlan } from './server-hooks.ts';
import { trafficLogPath, trafficRoutes } from './traffic.ts';
import { buildServers, hostNames, tlsOf } from './servers.ts';
import type { TranslateSettings } from './settings.ts';
import { findDefault, findService, findTarget } from './targets.ts';
import { TlsChooser, type HostTls } from './tls.ts';
import { planUpstream, upstreamUsers, type Routing } from './upstream-hooks.ts';
import { usedSplits, usedUpstreams } from './used-upstreams.ts';
import { VerdictCollector } from './verdicts.ts';

export interface TranslateInput {
  readonly snapshot: Snapshot;
  readonly settings: TranslateSettings;
  readonly capabilities: Capabilities;
  /** Certificate and key that answer where no other does. */
  readonly defaultCertificate: { readonly pem: SecretValue };
  /** Objects that broke nginx, and how. */
  readonly quarantine: ReadonlyMap<ObjectKey, Reason>;
  /** The options that were in force in what nginx verifiably serves; null where it had no ConfigMap of them. */
  readonly lastGoodOptions?: GoodOptions | null;
  /** Milliseconds since the epoch, as coarse as a day: dates certificates. */
  readonly now: number;
  readonly plugins: PluginRegistry;
}

export interface Translation {
  readonly model: Model;
  /** Of every Ingress, and of every other object that is used or has something to be said about it. */
  readonly verdicts: readonly Verdict[];
  /** Names that nginx may say in a message, and the objects they come from. */
  readonly names: ReadonlyMap<string, readonly ObjectKey[]>;
  /** The options that are in force in this model; null without a ConfigMap of them. */
  readonly optionsInForce: GoodOptions | null;
  /** What the lint lets its text name. */
  readonly allowances: Allowances;
}

/**
 * Says what nginx is to do for a cluster, and what becomes of every object. Pure: the same objects in any order give
 * the same model, and no object can keep another from being served.
 */
export function translate(input: TranslateInput): Translation {
  const { snapshot, settings, capabilities, quarantine, plugins } = input;
  const verdicts = new VerdictCollector();
  for (const finding of snapshot.findings) {
    verdicts.addFinding(finding);
  }
  const global = globalOptions({ ...input, lastGoodOptions: input.lastGoodOptions ?? null }, verdicts);
  const { options } = global;
  const files = new ArtifactFiles(settings.stateDir);
  const chooser = new TlsChooser({ snapshot, quarantine, verdicts, files, now: input.now });
  const canResolve = readResolvers(settings.resolvers).length > 0;
  const backends = new Backends({
    snapshot,
    settings,
    keepaliveConnections: options['upstream-keepalive-connections'],
    canResolve,
    quarantine,
    verdicts,
  });

  const contexts = new PluginContexts(capabilities, options, {
    snapshot,
    quarantine,
    verdicts,
    files,
    crossNamespace: settings.allowCrossNamespace === true || options['allow-cross-namespace-resources'],
    target: (namespace, host, port, tls, connections = '') =>
      findTarget({ namespace, host, port, tls, connections }, { snapshot, settings, canResolve, backends }),
    service: (namespace, name) => findService(namespace, name, backends),
    defaultBackend: () => findDefault(settings, backends),
    trafficLog: trafficLogPath(settings),
    accessLogs: accessLogs(settings, options),
    ownPorts: [settings.httpPort, settings.httpsPort, ...settings.reservedPorts, ...streamPorts(input)],
  });
  const plans = planAll({ ...input, options }, contexts, verdicts);
  closeAll(plans, global, verdicts);
  const hosts = claimHosts(plans, verdicts);
  const tls = chooseTls(hosts, chooser, input, verdicts);
  const hooks = { ...input, options, hosts, tls, contexts, verdicts };
  const serverPlans = planServers(hooks);
  const alternatives = findAlternatives(plans, hosts, { plugins, verdicts });
  const protections = new Protections({ ...hooks, alternatives, inForce: global.inForce ?? {} });
  const routes = routeAll(hosts, (host, owner) => isTls(host, owner, tls), {
    ...hooks,
    backends,
    alternatives,
    protections,
    isFallbackLogged: options['enable-access-log-for-default-backend'],
  });
  const planned = planUpstreams(plans, hosts, { routes, alternatives }, backends, hooks);
  const additions = httpAdditions({
    plans,
    routes,
    servers: serverPlans,
    upstreams: [...planned.values()],
    plugins,
    options,
    temporaryPath: temporaryPath(settings),
    verdicts,
  });
  const closed = closedHosts(serverPlans);
  closeRoutes(routes, closed);
  const open = listeners(settings, capabilities, options);
  const passing = { settings, capabilities, options, hosts, backends, protections, closed, verdicts };
  const passed = planPassthrough(passing);
  const passthrough = passthroughOf(
    passed,
    open.find(({ protocol }) => protocol === 'https'),
    passing,
  );
  const ports = passthrough === null ? open : behindStream(open, settings.stateDir);
  const streams = streamServers({ ...input, options, verdicts });
  const stream = streamSettings(settings, capabilities, options, plans);
  const needsStream =
    passthrough !== null ||
    streams.length + stream.additions.length > 0 ||
    options['stream-snippet'] !== null;
  const dhPath = capabilities.ssl ? dhParameters(global, { snapshot, quarantine, files, verdicts }) : null;
  const servers = buildServers({
    hosts,
    routes,
    plans: serverPlans,
    tls,
    defaultCertificate: capabilities.ssl ? defaultCertificate(input, chooser, files) : null,
    listeners: ports.map(({ id }) => id),
    passed:
      passed === null
        ? null
        : {
            names: passed.names,
            listeners: ports.filter(({ protocol }) => protocol === 'http').map(({ id }) => id),
          },
    trafficRoute: trafficRoutes(settings),
    verdicts,
  });
  const splits = usedSplits(servers, routes);
  const upstreams = usedUpstreams(servers, splits, planned);
  tellOutcomes(plans, verdicts);
  return {
    model: {
      main: mainSettings(settings, options, [
        ...streamModules(capabilities, needsStream),
        ...optionalModulesToLoad(capabilities, options, pluginsOf(servers)),
      ]),
      options: printable(options),
      http: {
        ...httpSettings(settings, capabilities, options, servers),
        ...globalHeaders(global, snapshot, verdicts),
        tlsBehindStream: passthrough !== null,
        optionsOrigin: global.origin,
        dhParametersPath: dhPath,
        additions,
      },
      listeners: ports,
      servers,
      upstreams: upstreams.map(({ upstream }) => upstream),
      splits,
      streams,
      passthrough,
      stream,
      files: files.list(),
    },
    verdicts: verdicts.verdicts(),
    names: new Map([
      ...hostNames(hosts),
      ...routeNames(routes),
      ...streamNames(streams),
      ...passthroughNames(passthrough),
      ...splits.map(({ name, origin, alternatives: others }): [string, readonly ObjectKey[]] => [
        name.text,
        [origin, ...others.map((other) => other.origin)].flatMap((key) => key ?? []),
      ]),
      ...upstreams.flatMap(({ upstream: { name, zone }, users }): [string, readonly ObjectKey[]][] =>
        [name.text, zone?.name.text].flatMap((text) => (text === undefined ? [] : [[text, users]])),
      ),
    ]),
    allowances: logAllowances(options),
    optionsInForce: global.inForce,
  };
}

/** The plugins that have something in a location. */
function pluginsOf(servers: readonly Server[]): Set<string> {
  return new Set(
    servers.flatMap(({ locations }) =>
      locations.flatMap(({ additions }) => additions.map(({ plugin }) => plugin)),
    ),
  );
}

/** A protection of all hosts that cannot be built closes them all. */
function closeAll(
  plans: readonly IngressPlan[],
  { origin, closing }: GlobalOptions,
  verdicts: VerdictCollector,
): void {
  const [reason] = closing;
  for (const plan of reason === undefined ? [] : plans) {
    plan.closed = true;
    const message = `${origin} ${reason?.field} ${reason?.message}`;
    verdicts.add(plan.ref, 'rejected', 'metadata.namespace', message);
  }
}

function closedHosts(plans: ReadonlyMap<HostPlan, ServerPlan>): Set<HostPlan> {
  return new Set([...plans].flatMap(([host, { closed }]) => (closed ? [host] : [])));
}

/** Every upstream that a route leads to, with what plugins add to it, by name. */
function planUpstreams(
  plans: readonly IngressPlan[],
  hosts: readonly HostPlan[],
  routing: Routing,
  backends: Backends,
  hooks: Omit<Parameters<typeof planUpstream>[2], 'plans'>,
): Map<string, Upstream> {
  const upstreams = backends.upstreams();
  const users = upstreamUsers(plans, hosts, upstreams, routing);
  return new Map(
    upstreams.map((upstream) => [
      upstream.name.text,
      planUpstream(upstream, users.get(upstream.name.text) ?? [], { ...hooks, plans }),
    ]),
  );
}

/** Names that nginx may say in a message about routes, and whose they are. */
function routeNames(routes: ReadonlyMap<Definition, Route>): Map<string, ObjectKey[]> {
  const found = new Map<string, Set<ObjectKey>>();
  for (const [{ owner }, route] of routes) {
    for (const name of owner === null ? [] : route.names) {
      found.set(name, (found.get(name) ?? new Set()).add(owner?.key ?? ''));
    }
  }
  return new Map([...found].map(([name, keys]) => [name, [...keys].sort(compareText)]));
}

/** The Ingresses that are ours, oldest first; the others get their verdict here. */
function planAll(
  input: TranslateInput & Pick<GlobalOptions, 'options'>,
  contexts: PluginContexts,
  verdicts: VerdictCollector,
): IngressPlan[] {
  const { snapshot, settings } = input;
  const ours = snapshot.ingresses.filter((ingress) => {
    const ref = { kind: ingress.kind, namespace: ingress.meta.namespace, name: ingress.meta.name };
    const ignored = reasonToIgnore(ingress, snapshot, settings);
    if (ignored !== null) {
      verdicts.addAll(ref, 'ignored', [ignored]);
      return false;
    }
    if (!isSound(ref)) {
      const message = 'is not the name of a Kubernetes object: write lower-case letters, digits, "-" and "."';
      verdicts.add(ref, 'rejected', 'metadata.name', message);
      return false;
    }
    return true;
  });
  for (const ingressClass of snapshot.ingressClasses.values()) {
    if (isOurClass(ingressClass, settings)) {
      verdicts.use({ kind: 'IngressClass', namespace: '', name: ingressClass.meta.name });
    }
  }
  return ours
    .sort((a, b) => compareAge(a.meta, b.meta))
    .flatMap((ingress) => {
      try {
        return [planIngress(ingress, { ...input, contexts, verdicts })];
      } catch (error) {
        const ref = { kind: ingress.kind, namespace: ingress.meta.namespace, name: ingress.meta.name };
        verdicts.add(ref, 'quarantined', 'spec', bugMessage(error));
        return [];
      }
    });
}

function isTls({ name }: HostPlan, owner: ObjectKey | null, tls: ReadonlyMap<string, HostTls>): boolean {
  const found = name === null ? null : tlsOf(name, tls);
  return found !== null && (found.only === null || (owner !== null && found.only.has(owner)));
}

/** By host name. */
function chooseTls(
  hosts: readonly HostPlan[],
  chooser: TlsChooser,
  { capabilities }: TranslateInput,
  verdicts: VerdictCollector,
): Map<string, HostTls> {
  const chosen = new Map<string, HostTls>();
  for (const host of hosts) {
    try {
      const tls = capabilities.ssl ? chooser.choose(host) : null;
      if (tls !== null && host.name !== null) {
        chosen.set(host.name.text, tls);
      }
    } catch (error) {
      for (const plan of host.members.filter(({ ingress }) => ingress.tls.length > 0)) {
        closeByBug(plan, error, verdicts);
      }
    }
  }
  return chosen;
}

function defaultCertificate(input: TranslateInput, chooser: TlsChooser, files: ArtifactFiles): Certificate {
  const reference = input.settings.defaultSslCertificate;
  const chosen = reference === '' ? null : chooser.chooseDefault(reference);
  return chosen ?? files.addOwn(input.defaultCertificate.pem);
}

/** An Ingress that keeps nothing is in conflict or rejected; one that keeps something is served with a difference. */
function tellOutcomes(plans: readonly IngressPlan[], verdicts: VerdictCollector): void {
  for (const { ref, outcome } of plans) {
    const isServed = outcome.kept > 0;
    verdicts.addAll(ref, isServed ? 'served-with-difference' : 'conflict', outcome.lost);
    const nothingElse = !isServed && outcome.lost.length === 0;
    verdicts.addAll(ref, nothingElse ? 'rejected' : 'served-with-difference', outcome.refused);
  }
}
