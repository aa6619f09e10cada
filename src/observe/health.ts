import type { Hono } from 'hono';
import { createReadOnlyApp } from './http-server-app.ts';
import type { ReportError } from './http-server-app.ts';
import type { ControllerView } from './view.ts';

/**
 * The probes: `/healthz` (200 `{"status":"healthy"}`, 503 with the reason) and `/ready` (200 `{"status":"ready"}`, with `stale` and the reason where the API server is not followed,
 * 503 `{"status":"not ready","reason":…}`).
 */
export function createHealthApp(
  view: Pick<ControllerView, 'readiness' | 'liveness'>,
  report: ReportError,
): Hono {
  return createReadOnlyApp(
    {
      '/healthz': (context) => {
        const { healthy, reason } = view.liveness();
        return healthy
          ? context.json({ status: 'healthy' })
          : context.json({ status: 'unhealthy', reason: reason ?? 'unknown' }, 503);
      },
      '/ready': (context) => {
        const { ready, reason, stale = null } = view.readiness();
        return ready
          ? context.json({ status: 'ready', ...(stale !== null && { stale }) })
          : context.json({ status: 'not ready', reason: reason ?? 'unknown' }, 503);
      },
    },
    report,
  );
}
