import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** EX_UNAVAILABLE: scripts/setup-prometheus.sh has no Prometheus and cannot get one. */
const unavailable = 69;

export type FoundPrometheus =
  { readonly prometheus: string; readonly promtool: string } | { readonly missing: string };

/**
 * Prometheus and promtool, fetched where there are none yet.
 * @throws Error where they could be had and that failed
 */
export function findPrometheus(): FoundPrometheus {
  const script = join(import.meta.dirname, '../../scripts/setup-prometheus.sh');
  const { status, stdout, stderr } = spawnSync(script, { encoding: 'utf8', timeout: 280_000 });
  const [prometheus, promtool] = stdout.trim().split('\n');
  if (status === 0 && prometheus !== undefined && promtool !== undefined) {
    return { prometheus, promtool };
  }
  if (status === unavailable) {
    return { missing: `NOT RUN against Prometheus: ${stderr.trim()}` };
  }
  throw new Error(`scripts/setup-prometheus.sh failed: ${stderr.trim()}`);
}
