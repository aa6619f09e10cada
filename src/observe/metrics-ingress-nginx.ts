import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { BuildIdentity, Orphan, Result } from './metrics-labels.ts';

const prefix = 'nginx_ingress_controller_';

/** Orphans beyond these are only counted: one wrong rollout must not become thousands of series. */
export const maxOrphans = 1000;

/** ingress-nginx's figures that mean the same here, under its names, for dashboards and alerts that know them. */
export interface IngressNginxMetrics {
  reloaded(): void;
  /**
   * ingress-nginx counts a refused test as a failed reload, and alerts are built on that: so this is about the
   * whole pass. A quarantined object is no failure here; alert on `ingress_objects{state="quarantined"}`.
   */
  attempt(result: Result): void;
  live(generation: string, unixSeconds: number): void;
  orphans(orphans: readonly Orphan[]): void;
}

/** Registers them with ingress-nginx's constant labels `controller_namespace`, `controller_class`, `controller_pod`. */
export function createIngressNginxMetrics(registry: Registry, identity: BuildIdentity): IngressNginxMetrics {
  const registers = [registry];
  const own = {
    controller_namespace: identity.podNamespace,
    controller_class: identity.controllerClass,
    controller_pod: identity.podName,
  };
  const labelNames = ['controller_namespace', 'controller_class', 'controller_pod'] as const;

  new Gauge({
    name: `${prefix}build_info`,
    help: 'Always 1; the labels say which build runs.',
    labelNames: [...labelNames, 'release', 'build', 'repository'],
    registers,
  }).set({ ...own, release: identity.version, build: identity.revision, repository: identity.repository }, 1);
  const configHash = new Gauge({
    name: `${prefix}config_hash`,
    help: 'A number made from the running configuration, 0 after a failed pass.',
    labelNames,
    registers,
  });
  const successful = new Gauge({
    name: `${prefix}config_last_reload_successful`,
    help: 'Whether the last pass succeeded: 1 or 0; a quarantined object is no failure.',
    labelNames,
    registers,
  });
  const successfulAt = new Gauge({
    name: `${prefix}config_last_reload_successful_timestamp_seconds`,
    help: 'When the last reload that succeeded was verified, in Unix time.',
    labelNames,
    registers,
  });
  const success = new Counter({
    name: `${prefix}success`,
    help: 'Reloads that succeeded.',
    labelNames,
    registers,
  });
  const errors = new Counter({
    name: `${prefix}errors`,
    help: 'Passes that failed, in the test or in the reload.',
    labelNames,
    registers,
  });
  const orphan = new Gauge({
    name: `${prefix}orphan_ingress`,
    help: '1 for an Ingress whose Service is missing or has no endpoints; there is no series for the others.',
    labelNames: [...labelNames, 'namespace', 'ingress', 'type'],
    registers,
  });
  const hidden = new Gauge({
    name: 'cloud_native_gateway_orphan_ingresses_dropped',
    help: `Orphans without a series of their own: only the first ${maxOrphans} have one.`,
    registers,
  });
  for (const gauge of [configHash, successful, successfulAt]) {
    gauge.set(own, 0);
  }
  success.inc(own, 0);
  errors.inc(own, 0);
  let liveHash = 0;

  return {
    reloaded: () => success.inc(own),
    attempt: (result) => {
      successful.set(own, result === 'success' ? 1 : 0);
      configHash.set(own, result === 'success' ? liveHash : 0);
      if (result === 'failure') {
        errors.inc(own);
      }
    },
    live: (generation, unixSeconds) => {
      // 13 hex digits are 52 bits: a double holds no more of them exactly.
      liveHash = Number.parseInt(generation.slice(0, 13), 16);
      configHash.set(own, liveHash);
      successfulAt.set(own, unixSeconds);
    },
    orphans: (orphans) => {
      orphan.reset();
      for (const { namespace, name, type } of orphans.slice(0, maxOrphans)) {
        orphan.set({ ...own, namespace, ingress: name, type }, 1);
      }
      hidden.set(Math.max(0, orphans.length - maxOrphans));
    },
  };
}
