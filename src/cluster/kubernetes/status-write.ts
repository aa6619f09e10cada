import type { Answer, ApiClient } from './api-client.ts';
import { textAt } from './api-json.ts';
import { toApi, type PublishedAddress } from './published-addresses.ts';
import { resourcePath, resources } from './resource.ts';
import type { Failure } from './transport.ts';

/** What became of one write. */
export type StatusWrite =
  | { readonly kind: 'written' }
  /** The Ingress does not exist any more. */
  | { readonly kind: 'gone' }
  /**
   * The server will not have it: nobody's status where it knows no such thing, none of this namespace where RBAC says
   * no (rights are given for all namespaces or for some), otherwise that of this Ingress.
   */
  | {
      readonly kind: 'refused';
      readonly reason: string;
      readonly scope: 'everywhere' | 'namespace' | 'object';
    }
  /** Worth trying again; the server cannot take more writes just now where `isOverload`. */
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly retryAfterMs: number;
      readonly isOverload: boolean;
    };

/**
 * Makes `addresses` the status of an Ingress; none of them clears it. Nothing but the addresses is touched, and writing
 * the same twice does no harm.
 */
export async function writeStatus(
  client: ApiClient,
  ingress: { readonly namespace: string; readonly name: string },
  addresses: readonly PublishedAddress[],
  signal: AbortSignal,
): Promise<StatusWrite> {
  const { apiVersion, plural } = resources.Ingress;
  const { namespace, name } = ingress;
  const request = {
    method: 'PATCH',
    path: resourcePath({ apiVersion, plural, namespace, name, subresource: 'status' }),
    query: { fieldManager: 'cloud-native-gateway' },
    body: { status: { loadBalancer: { ingress: addresses.length === 0 ? null : addresses.map(toApi) } } },
    signal,
  } as const;
  const first = await client.send(request);
  return readReply(first.kind === 'failure' && first.isStale ? await client.send(request) : first);
}

function readReply(reply: Answer | Failure): StatusWrite {
  if (reply.kind === 'failure') {
    return { kind: 'failed', reason: reply.reason, retryAfterMs: 0, isOverload: true };
  }
  const { status, message } = reply;
  const reason = `the API server answers ${status}: ${message}`;
  if (status < 300) {
    return { kind: 'written' };
  }
  if (status === 404) {
    return { kind: 'gone' };
  }
  if (status === 405) {
    return { kind: 'refused', reason, scope: 'everywhere' };
  }
  if (status === 403) {
    // RBAC's own words; a policy or webhook that refuses this one object says something else.
    const isRbac = /\bcannot (?:patch|update) resource\b/u.test(textAt(reply.body, 'message'));
    return { kind: 'refused', reason, scope: isRbac ? 'namespace' : 'object' };
  }
  if (status === 400 || status === 413 || status === 415 || status === 422) {
    return { kind: 'refused', reason, scope: 'object' };
  }
  const retryAfterMs = reply.retryAfterMs ?? 0;
  return { kind: 'failed', reason, retryAfterMs, isOverload: status !== 409 };
}
