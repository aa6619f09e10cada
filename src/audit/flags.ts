import { ingressNginxFlags } from '../config/ingress-nginx-flags.ts';
import { loadConfig } from '../config/load.ts';
import { allKeys, type GatewayConfig, type LocatedKey } from '../config/sections.ts';
import type { Outcome } from './world.ts';

/** What became of one flag. */
export interface FlagVerdict {
  /** With its dashes. */
  readonly flag: string;
  readonly value: string;
  readonly outcome: Outcome;
  /** What to do. */
  readonly message: string;
}

export interface FlagReading {
  /** The settings with which the gateway stands where this controller stands. */
  readonly config: GatewayConfig;
  readonly verdicts: readonly FlagVerdict[];
}

/** Flags that say which objects are served and how: the audit judges with them. */
const judging: ReadonlySet<string> = new Set([
  'annotations-prefix',
  'configmap',
  'controller-class',
  'default-backend-service',
  'default-ssl-certificate',
  'disable-catch-all',
  'disable-svc-external-name',
  'enable-ssl-passthrough',
  'enable-topology-aware-routing',
  'http-port',
  'https-port',
  'ingress-class',
  'ingress-class-by-name',
  'tcp-services-configmap',
  'udp-services-configmap',
  'watch-ingress-without-class',
  'watch-namespace',
  'watch-namespace-selector',
]);

/** What holds without the flag, where it is not the default of the key. */
const defaults: Readonly<Record<string, string>> = {
  'controller-class': 'k8s.io/ingress-nginx',
  'ingress-class': 'nginx',
};

const ownWhileBeside = 'one of its own at first, then this one without update_status (docs/migration.md)';

/** What is to be done with a flag, where it is not to set its key to the same value. */
const advice: Readonly<Record<string, string>> = {
  'controller-class': `set kubernetes.controller_class: ${ownWhileBeside}`,
  'ingress-class': `set kubernetes.ingress_class: ${ownWhileBeside}`,
  'election-id':
    'nothing: the gateway has a Lease of its own; one name for both would let only one of them lead',
  'publish-service': 'set kubernetes.publish_service to the Service of the gateway when it takes over',
  kubeconfig: 'nothing in a pod: its service account is used',
  'healthz-host': 'server.addr is the address of the probes; the manifests of the gateway have them',
  'healthz-port': 'server.addr is the address of the probes; the manifests of the gateway have them',
  'shutdown-grace-period': 'set nginx.shutdown_grace_period in seconds',
  'election-ttl': 'set kubernetes.election_ttl in seconds',
  v: 'set log.level to debug for more than 2',
  'validating-webhook':
    'nothing is lost in what is served: a bad object harms no other; "cng policy" has the API server refuse it when it is applied',
  'http-port': 'set nginx.http_port; the container port and the Service follow it',
  'https-port': 'set nginx.https_port; the container port and the Service follow it',
};

/** Flags without a key that nobody misses: what they tuned is not there, or is always on. */
const missedByNobody: ReadonlySet<string> = new Set([
  'deep-inspect',
  'default-server-port',
  'disable-full-test',
  'dynamic-configuration-retries',
  'enable-annotation-validation',
  'health-check-timeout',
  'internal-logger-address',
  'logtostderr',
  'max-buckets',
  'maxmind-edition-ids',
  'maxmind-mirror',
  'maxmind-retries-count',
  'maxmind-retries-timeout',
  'monitor-max-batch-size',
  'ssl-passthrough-proxy-port',
  'status-port',
  'stream-port',
  'sync-period',
  'sync-rate-limit',
  'validating-webhook',
  'validating-webhook-certificate',
  'validating-webhook-key',
  'version',
]);

/** Flags of the logging library of ingress-nginx that have no row of their own. */
const loggingFlags: ReadonlySet<string> = new Set([
  'add_dir_header',
  'alsologtostderr',
  'alsologtostderrthreshold',
  'legacy_stderr_threshold_behavior',
  'log_backtrace_at',
  'log_dir',
  'one_output',
  'skip_headers',
  'skip_log_headers',
  'stderrthreshold',
  'vmodule',
]);

/** Flags that are off with these values ask for nothing. */
const asksForNothing: ReadonlySet<string> = new Set(['', '0', 'false']);

/** For what has to move; the first is the port of the probes in ingress-nginx. */
const otherPorts = ['10254', '10255', '10256', '10257', '10258'];

const keys: ReadonlyMap<string, LocatedKey> = new Map(allKeys.map((key) => [key.dotted, key]));

/** Reads the flags of a controller: how the gateway would be configured, and what becomes of each. */
export function readFlags(flags: ReadonlyMap<string, string>): FlagReading {
  const verdicts: FlagVerdict[] = [];
  const environment: Record<string, string> = {};
  for (const [flag, value] of [...Object.entries(defaults), ...flags]) {
    const key = keyOf(flag);
    if (key !== null && judging.has(flag) && key.definition.notYet !== true && value !== '') {
      environment[key.variable] = plain(value, key);
    }
  }
  const moved = makeWay(environment, flags);
  const { config, errors } = load(environment);
  for (const [flag, value] of flags) {
    const error = errors.get(keyOf(flag)?.dotted ?? '');
    const judged = error === undefined ? judge(flag, value) : refusal(flag, value, error);
    const also = moved.get(flag);
    verdicts.push(also === undefined ? judged : { ...judged, message: `${judged.message}; ${also}` });
  }
  return { config, verdicts: verdicts.sort((a, b) => (a.flag < b.flag ? -1 : 1)) };
}

/** Traffic keeps the port that it has; what listens there by default moves. Returns what to do, by flag. */
function makeWay(
  environment: Record<string, string>,
  flags: ReadonlyMap<string, string>,
): Map<string, string> {
  const taken = new Set([flags.get('http-port'), flags.get('https-port')]);
  const moved = new Map<string, string>();
  for (const flag of ['http-port', 'https-port']) {
    const port = flags.get(flag);
    for (const name of ['server.addr', 'metrics.addr', 'debug.addr']) {
      const key = keys.get(name);
      const [host = '', usual = ''] = String(key?.definition.fallback).split(/:(?=\d+$)/u);
      const free = otherPorts.find((one) => !taken.has(one));
      if (key !== undefined && usual === port && free !== undefined) {
        taken.add(free);
        environment[key.variable] = `${host}:${free}`;
        moved.set(flag, `set ${name} to another port, for example ${host}:${free}`);
      }
    }
  }
  return moved;
}

function keyOf(flag: string): LocatedKey | null {
  const replacement = Object.hasOwn(ingressNginxFlags, flag) ? ingressNginxFlags[flag] : undefined;
  return replacement !== undefined && 'key' in replacement ? (keys.get(replacement.key) ?? null) : null;
}

/** Go takes `1`, `t`, `T`, `TRUE` and the like for truth values. */
function plain(value: string, { definition }: LocatedKey): string {
  if (definition.kind.shape !== 'boolean') {
    return value;
  }
  if (['1', 't', 'true'].includes(value.toLowerCase())) {
    return 'true';
  }
  return ['0', 'f', 'false'].includes(value.toLowerCase()) ? 'false' : value;
}

/** A value that the gateway refuses is left out, and told: the rest is still judged. */
function load(environment: Record<string, string>): {
  readonly config: GatewayConfig;
  readonly errors: ReadonlyMap<string, string>;
} {
  const errors = new Map<string, string>();
  for (;;) {
    const loaded = loadConfig('', environment, '');
    if ('config' in loaded) {
      return { config: loaded.config, errors };
    }
    for (const { key, message } of loaded.errors) {
      errors.set(key, message);
    }
    const rest = Object.entries(environment).filter(
      ([variable]) => !loaded.errors.some(({ key }) => keys.get(key)?.variable === variable),
    );
    if (rest.length === Object.keys(environment).length) {
      throw new Error(`flags cannot be read: ${loaded.errors.map(({ message }) => message).join('; ')}`);
    }
    environment = Object.fromEntries(rest);
  }
}

function refusal(flag: string, value: string, error: string): FlagVerdict {
  return { flag: `--${flag}`, value, outcome: 'not-served', message: error };
}

function judge(flag: string, value: string): FlagVerdict {
  const row = { flag: `--${flag}`, value };
  const replacement = Object.hasOwn(ingressNginxFlags, flag) ? ingressNginxFlags[flag] : undefined;
  if (replacement === undefined) {
    return loggingFlags.has(flag)
      ? { ...row, outcome: 'same', message: 'nothing: the log of the gateway has its own keys (log.*)' }
      : { ...row, outcome: 'unclear', message: 'is no known flag of ingress-nginx: look up what it does' };
  }
  if ('reason' in replacement) {
    const isMissed = !missedByNobody.has(flag) && !asksForNothing.has(value);
    return { ...row, outcome: isMissed ? 'difference' : 'same', message: advice[flag] ?? replacement.reason };
  }
  const key = keys.get(replacement.key);
  if (key?.definition.notYet === true) {
    const fallback = JSON.stringify(key.definition.fallback);
    const isDefault = asksForNothing.has(value) || plain(value, key) === fallback.replaceAll('"', '');
    return isDefault
      ? { ...row, outcome: 'same', message: 'nothing' }
      : { ...row, outcome: 'difference', message: `has no effect yet (${replacement.key})` };
  }
  return { ...row, outcome: 'same', message: advice[flag] ?? `set ${replacement.key}` };
}
