import type { Capabilities } from '../model/capabilities.ts';
import type { Listener, Passthrough, PassthroughHost, Upstream } from '../model/model.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { Reason } from '../model/verdict.ts';
import { file, identifier } from '../model/words.ts';
import type { Options } from '../options/options.ts';
import type { Backends } from './backends.ts';
import { deciderOf, hostField, type Definition, type HostPlan } from './hosts.ts';
import type { IngressPlan } from './ingress.ts';
import { compareText } from './order.ts';
import type { Protections } from './protections.ts';
import type { TranslateSettings } from './settings.ts';
import type { VerdictCollector } from './verdicts.ts';

export interface PassthroughParts {
  readonly settings: TranslateSettings;
  readonly capabilities: Capabilities;
  readonly options: Options;
  readonly hosts: readonly HostPlan[];
  readonly backends: Backends;
  readonly protections: Protections;
  /** Hosts of which every route answers 503. */
  readonly closed: ReadonlySet<HostPlan>;
  readonly verdicts: VerdictCollector;
}

const name = 'ssl-passthrough';

/**
 * The hosts whose TLS goes to a backend as it is; null where there are none. Only the owner of `/` may ask for it, whose
 * backend gets all of it, past everything that the gateway would have kept out: where anybody asks for a protection of
 * the host, or of everything, TLS ends at the gateway.
 */
export function planPassthrough(
  parts: PassthroughParts,
): { readonly hosts: PassthroughHost[]; readonly upstreams: Upstream[]; readonly names: Set<string> } | null {
  const fault = faultOf(parts);
  const found: PassthroughHost[] = [];
  const upstreams = new Map<string, Upstream>();
  for (const host of parts.hosts) {
    for (const plan of host.members.filter(asks)) {
      const result = fault === null ? hostOf(host, plan, parts) : fault;
      if (typeof result === 'string') {
        const field = plan.annotations?.fields.get(name) ?? '';
        parts.verdicts.addAll(plan.ref, 'served-with-difference', [reason(field, host, result)]);
        continue;
      }
      tellPassed(host, plan, parts.verdicts);
      found.push(result.host);
      upstreams.set(result.upstream.name.text, result.upstream);
    }
  }
  return found.length === 0
    ? null
    : {
        hosts: found.sort((a, b) => compareText(a.name.text, b.name.text)),
        upstreams: [...upstreams.values()].sort((a, b) => compareText(a.name.text, b.name.text)),
        names: new Set(found.map((each) => each.name.text)),
      };
}

/** What the stream context listens on in the place of http, which gets what is its own through a socket. */
export function passthroughOf(
  planned: ReturnType<typeof planPassthrough>,
  https: Listener | undefined,
  { settings: { stateDir }, options, capabilities }: PassthroughParts,
): Passthrough | null {
  return planned === null || https === undefined
    ? null
    : {
        listener: https,
        httpsSocket: httpsSocket(stateDir),
        passedSocket: file(`${stateDir}/run/tls-passed.sock`),
        hosts: planned.hosts,
        upstreams: planned.upstreams,
        headerTimeout: options['proxy-protocol-header-timeout'],
        trustedProxies: options['use-proxy-protocol'] ? options['proxy-real-ip-cidr'] : [],
        realip: capabilities.streamRealip,
      };
}

/** The listeners of http where TLS comes through stream. */
export function behindStream(listeners: readonly Listener[], stateDir: string): Listener[] {
  return listeners.map((listener) =>
    listener.protocol === 'https'
      ? {
          ...listener,
          addresses: [],
          ipv6: false,
          reusePort: false,
          proxyProtocol: true,
          socket: httpsSocket(stateDir),
        }
      : listener,
  );
}

/** Names that nginx may say in a message about what is passed on, and whose they are. */
export function passthroughNames(passthrough: Passthrough | null): [string, ObjectKey[]][] {
  return (passthrough?.upstreams ?? []).map(({ name: each, origin }) => [
    each.text,
    [
      ...(origin === null ? [] : [origin]),
      ...(passthrough?.hosts ?? [])
        .filter(({ upstream }) => upstream.text === each.text)
        .map(({ origin: key }) => key),
    ],
  ]);
}

function httpsSocket(stateDir: string): Passthrough['httpsSocket'] {
  return file(`${stateDir}/run/https.sock`);
}

function asks({ annotations }: IngressPlan): boolean {
  return annotations?.settings.get(name)?.[name] === true;
}

function reason(field: string, host: HostPlan, why: string): Reason {
  const message = `has no effect on ${host.name?.text ?? 'requests of other hosts'}: ${why}; the gateway itself ends TLS`;
  return { field, message };
}

/** Why no host can have it, in words for those who ask for it. */
function faultOf({ settings, capabilities, options, protections }: PassthroughParts): string | null {
  if (settings.enableSslPassthrough !== true) {
    return 'it is switched off (kubernetes.enable_ssl_passthrough)';
  }
  const { stream, streamSslPreread, streamRealip, ssl, realip } = capabilities;
  if (stream === 'absent' || !streamSslPreread || !ssl || !realip) {
    return 'nginx lacks one of the modules stream, stream_ssl_preread, http_ssl and http_realip';
  }
  if (options['use-proxy-protocol'] && !streamRealip) {
    return 'nginx lacks the module stream_realip, which use-proxy-protocol needs for it';
  }
  // nginx has one source of the address, and behind stream it is the PROXY protocol.
  if (options['use-forwarded-headers'] || (options['enable-real-ip'] && !options['use-proxy-protocol'])) {
    return 'it does not go with the options use-forwarded-headers and enable-real-ip (without use-proxy-protocol)';
  }
  const guard = protections.ofAll();
  return guard === null ? null : `${guard.words} could not keep anybody out of it`;
}

/** The way of one host, or why it has none. */
function hostOf(
  plan: HostPlan,
  asking: IngressPlan,
  parts: PassthroughParts,
): { readonly host: PassthroughHost; readonly upstream: Upstream } | string {
  const { name: host, definitions } = plan;
  if (host === null || host.token !== 'host') {
    return 'it needs the full name of a host';
  }
  const root = definitions.find((each) => isRoot(each) && each.owner !== null);
  if (root === undefined || root.owner !== asking) {
    return 'the path / of the host is not that of this Ingress';
  }
  if (asking.closed) {
    return 'the routes of this Ingress are closed';
  }
  const neighbour = faultOfNeighbours(plan, asking, parts);
  if (neighbour !== null) {
    return neighbour;
  }
  const service = root.backend?.service ?? null;
  if (service === null) {
    return 'the path / has no Service as its backend';
  }
  const found = parts.backends.find(asking.ref.namespace, service.name, service.port);
  if ('fault' in found) {
    return found.fault.message;
  }
  const upstream = parts.backends
    .upstreams()
    .find(({ name: each }) => each.text === found.target.upstream?.text);
  if (upstream === undefined) {
    return 'its Service is an ExternalName, which has no endpoints';
  }
  const passed: Upstream = {
    ...upstream,
    name: identifier(`${upstream.name.text}_tls`),
    keepaliveConnections: 0,
    additions: [],
  };
  return { host: { origin: asking.key, name: host, upstream: passed.name }, upstream: passed };
}

/** Who of the host stands against it, in words; those are told too. */
function faultOfNeighbours(
  host: HostPlan,
  asking: IngressPlan,
  { protections, verdicts, closed }: PassthroughParts,
): string | null {
  const where = host.name?.text ?? '';
  const decider = deciderOf(host);
  const others = host.members.filter(
    (member) =>
      member !== asking &&
      (member.ref.namespace === decider.ref.namespace ||
        host.definitions.some(({ owner }) => owner === member)),
  );
  let fault: string | null = null;
  for (const member of [asking, ...others]) {
    const guard = protections.ofIngress(member);
    if (guard !== null) {
      fault ??= `${guard.words} could not protect what passes by inside TLS: remove one of them`;
      tellKept(member, guard.field);
    } else if (member.closed) {
      fault ??= `the routes of ${member.key} are closed and would be reached past that: correct it`;
      tellKept(member, null);
    }
  }
  const stranger = others.find(({ ref }) => ref.namespace !== asking.ref.namespace);
  if (fault === null && stranger !== undefined && decider.ref.namespace !== asking.ref.namespace) {
    fault = `the host belongs to ${decider.key}, of another namespace, which would lose its TLS`;
    for (const member of others) {
      tellKept(member, null);
    }
  }
  return fault ?? (closed.has(host) ? 'all of the host answers 503' : null);

  function tellKept(member: IngressPlan, field: string | null): void {
    if (member !== asking) {
      const message = `keeps TLS of ${where} at the gateway: ${name} of ${asking.key} has no effect beside this`;
      verdicts.add(member.ref, 'served-with-difference', field ?? hostField(member, host), message);
    }
  }
}

/** Whoever else has paths of the host is told that nobody finds them over TLS. */
function tellPassed(host: HostPlan, asking: IngressPlan, verdicts: VerdictCollector): void {
  const where = host.name?.text ?? '';
  for (const member of host.members.filter((each) => each !== asking)) {
    const message = `is served over HTTP alone: TLS of ${where} goes to the backend of ${asking.key} as it is (${name})`;
    const isStranger = member.ref.namespace !== asking.ref.namespace;
    verdicts.add(
      member.ref,
      isStranger ? 'served-with-difference' : 'served',
      hostField(member, host),
      message,
    );
  }
}

function isRoot({ path, isFallback }: Definition): boolean {
  return path.text === '/' && !isFallback;
}
