import type { Context } from 'hono';
import type { Refusal } from './http-server-app.ts';

/**
 * Refuses what came through a proxy: an Ingress whose ExternalName leads to loopback would show strangers what is
 * meant for this machine or cluster alone. Our nginx sends `X-Real-IP` to every backend, and a client cannot take
 * it away (`src/translate/default-headers.ts`). Null means that the request may go on.
 */
export function refuseProxied(context: Context): Refusal | null {
  if (context.req.header('x-real-ip') === undefined) {
    return null;
  }
  return {
    refused: 403,
    message:
      'the request came through a proxy (it has X-Real-IP): ask this address directly, for example through kubectl port-forward',
  };
}
