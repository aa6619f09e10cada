import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Facts } from '../worker/facts.ts';
import type { BuildIdentity } from './metrics-labels.ts';
import type { NginxStatus } from './nginx-status.ts';

const prefix = 'cloud_native_gateway_';
const ingressNginxPrefix = 'nginx_ingress_controller_';

export interface NginxMetricsOptions {
  readonly identity: BuildIdentity;
  /** The same figures under the names of ingress-nginx, too. */
  readonly ingressNginxNames: boolean;
  readonly status: () => Promise<NginxStatus | null>;
  /** Which generation is served, and what there is to tell of it; asked for once for each. */
  readonly generation: () => number | null;
  readonly facts: () => Promise<Facts | null>;
}

/** A page does not wait longer for the thread that renders, in milliseconds. */
const patienceMs = 2_000;
const connectionStates = ['active', 'reading', 'writing', 'waiting'] as const;
const totals = ['accepted', 'handled'] as const;

/** Registers nginx's figures, and those of the configuration that it serves. Returns what fetches them for a page. */
export function registerNginx(registry: Registry, options: NginxMetricsOptions): () => Promise<void> {
  const { identity, ingressNginxNames } = options;
  const constant = {
    controller_namespace: identity.podNamespace,
    controller_class: identity.controllerClass,
    controller_pod: identity.podName,
  };
  let status: NginxStatus | null = null;
  let facts: Facts | null = null;
  let factsOf: number | null = null;

  function statusMetrics(name: string, labels: Readonly<Record<string, string>>): void {
    const labelNames = [...Object.keys(labels), 'state'];
    const registers = [registry];
    const connections: Gauge = new Gauge({
      name: `${name}connections`,
      help: 'Connections of clients now, by state; those of the gateway itself are among them.',
      labelNames,
      registers,
      collect: () => {
        connections.reset();
        for (const state of status === null ? [] : connectionStates) {
          connections.set({ ...labels, state }, status?.[state] ?? 0);
        }
      },
    });
    const all: Counter = new Counter({
      name: `${name}connections_total`,
      help: 'Connections since nginx started.',
      labelNames,
      registers,
      collect: () => {
        all.reset();
        for (const state of status === null ? [] : totals) {
          all.inc({ ...labels, state }, status?.[state] ?? 0);
        }
      },
    });
    const requests: Counter = new Counter({
      name: `${name}requests_total`,
      help: 'Requests since nginx started, those of the gateway itself among them.',
      labelNames: Object.keys(labels),
      registers,
      collect: () => {
        requests.reset();
        if (status !== null) {
          requests.inc(labels, status.requests);
        }
      },
    });
  }

  statusMetrics(`${prefix}nginx_`, {});
  if (ingressNginxNames) {
    statusMetrics(`${ingressNginxPrefix}nginx_process_`, constant);
  }
  registerFacts(registry, identity, () => facts);

  return async () => {
    status = await options.status();
    const generation = options.generation();
    if (generation !== null && generation !== factsOf) {
      const late = new Promise<null>((resolve) => {
        setTimeout(resolve, patienceMs, null).unref();
      });
      const found = await Promise.race([options.facts().catch(() => null), late]);
      if (found !== null) {
        facts = found;
        factsOf = generation;
      }
    }
  };
}

function registerFacts(registry: Registry, identity: BuildIdentity, read: () => Facts | null): void {
  const registers = [registry];
  const labels = ['namespace', 'class', 'host', 'secret_name', 'identifier'] as const;

  function labelsOf(one: Facts['certificates'][number]): Record<(typeof labels)[number], string> {
    const { namespace, host, secret, serialNumber } = one;
    return {
      namespace,
      class: identity.controllerClass,
      host,
      secret_name: secret,
      identifier: serialNumber,
    };
  }

  const expiry: Gauge = new Gauge({
    name: `${ingressNginxPrefix}ssl_expire_time_seconds`,
    help: 'When the certificate that a host is served with expires, in Unix time.',
    labelNames: labels,
    registers,
    collect: () => {
      expiry.reset();
      for (const one of read()?.certificates ?? []) {
        expiry.set(labelsOf(one), one.notAfter / 1000);
      }
    },
  });
  const info: Gauge = new Gauge({
    name: `${ingressNginxPrefix}ssl_certificate_info`,
    help: 'Always 1; the labels say which certificate a host is served with.',
    labelNames: [
      ...labels,
      'issuer_organization',
      'issuer_common_name',
      'serial_number',
      'public_key_algorithm',
    ],
    registers,
    collect: () => {
      info.reset();
      for (const one of read()?.certificates ?? []) {
        info.set(
          {
            ...labelsOf(one),
            issuer_organization: one.issuerOrganization,
            issuer_common_name: one.issuerCommonName,
            serial_number: one.serialNumber,
            public_key_algorithm: one.keyType,
          },
          1,
        );
      }
    },
  });
  const endpoints: Gauge = new Gauge({
    name: `${prefix}upstream_endpoints`,
    help: 'Endpoints of each upstream in the configuration that is served; one without any has no upstream.',
    labelNames: ['namespace', 'service', 'upstream'],
    registers,
    collect: () => {
      endpoints.reset();
      for (const { namespace, service, name, endpoints: count } of read()?.upstreams ?? []) {
        endpoints.set({ namespace, service, upstream: name }, count);
      }
    },
  });
  const dropped: Gauge = new Gauge({
    name: `${prefix}facts_dropped`,
    help: 'Certificates (the last to expire) and upstreams (those with most endpoints) without a series: there are too many.',
    labelNames: ['kind'],
    registers,
    collect: () => {
      const facts = read();
      const { certificateCount = 0, upstreamCount = 0, certificates = [], upstreams = [] } = facts ?? {};
      dropped.set({ kind: 'certificates' }, certificateCount - certificates.length);
      dropped.set({ kind: 'upstreams' }, upstreamCount - upstreams.length);
    },
  });
}
