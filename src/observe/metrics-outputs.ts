import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { BuildIdentity } from './metrics-labels.ts';
import type { OutputsView } from './view.ts';

const prefix = 'cloud_native_gateway_';

/**
 * Registers what goes back to the cluster: leadership, status, Events. All are read when the page is asked for; what
 * is switched off has no series.
 * @param lease the name of the Lease, for the series that ingress-nginx has too
 */
export function registerOutputs(
  registry: Registry,
  identity: BuildIdentity,
  lease: string,
  read: () => OutputsView,
): void {
  const registers = [registry];
  const { leader, status, events } = read();

  function gauge(name: string, help: string, value: () => number): void {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(value()) });
  }

  function counter(name: string, help: string, value: () => number): void {
    const made: Counter = new Counter({
      name,
      help,
      registers,
      collect: () => {
        made.reset();
        made.inc(value());
      },
    });
  }

  if (leader !== null) {
    gauge(`${prefix}leader`, 'Whether this replica leads, and so writes status and Events: 1 or 0.', () =>
      Number(read().leader?.isLeader ?? false),
    );
    const labels = {
      controller_namespace: identity.podNamespace,
      controller_class: identity.controllerClass,
      controller_pod: identity.podName,
      name: lease,
    };
    const own: Gauge = new Gauge({
      name: 'nginx_ingress_controller_leader_election_status',
      help: 'Whether this replica holds the Lease: 1 or 0.',
      labelNames: ['controller_namespace', 'controller_class', 'controller_pod', 'name'],
      registers,
      collect: () => own.set(labels, Number(read().leader?.isLeader ?? false)),
    });
  }
  if (status !== null) {
    gauge(
      `${prefix}status_behind_objects`,
      'Ingresses whose status was not what it should be after the last round; 0 where another replica leads.',
      () => (read().leader?.isLeader === true ? (read().status?.behind ?? 0) : 0),
    );
    counter(`${prefix}status_writes_total`, 'Statuses of Ingresses that were written.', () => {
      return read().status?.written ?? 0;
    });
  }
  if (events !== null) {
    gauge(
      `${prefix}events_waiting`,
      'Changes that wait to be told as Events.',
      () => read().events?.waiting ?? 0,
    );
    counter(`${prefix}events_written_total`, 'Events that were written.', () => read().events?.written ?? 0);
    counter(
      `${prefix}events_left_out_total`,
      'Changes that were not told: too many waited, or the API server would not have them.',
      () => read().events?.leftOut ?? 0,
    );
  }
  const trouble: Gauge = new Gauge({
    name: `${prefix}output_trouble`,
    help: 'Whether something stands in the way of what goes back to the cluster: 1 or 0. The log and /debug/ say what.',
    labelNames: ['output'],
    registers,
    collect: () => {
      for (const [output, state] of Object.entries(read())) {
        if (state !== null) {
          trouble.set({ output }, Number(state.trouble !== null));
        }
      }
    },
  });
}
