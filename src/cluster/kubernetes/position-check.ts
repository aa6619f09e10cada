import type { Answer, ApiClient, ApiRequest } from './api-client.ts';
import { textAt } from './api-json.ts';
import { isOlder } from './intake.ts';
import { outcomeOf, type Outcome } from './outcome.ts';

/**
 * Asks the server for its version, by a list of one object. A watch from a version that the server has not reached is
 * opened and then stays silent for ever, so after etcd was emptied or restored only this question tells.
 * @param request the collection, in the form of lists
 * @returns null where the server is at `position` or past it; `rewound` where its data are older than what was seen
 */
export async function checkPosition(
  client: ApiClient,
  request: ApiRequest,
  position: string,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const reply = await client.send({ ...request, query: { ...request.query, limit: '1' }, signal });
  if (reply.kind === 'failure' || reply.status !== 200) {
    return outcomeOf(reply);
  }
  const version = versionOfList(reply);
  if (version === '') {
    return { kind: 'failed', reason: 'the answer is no list of the API' };
  }
  return isOlder(version, position) ? { kind: 'rewound', position, version } : null;
}

/** Empty for anything that is no list, such as a proxy's greeting with status 200. */
function versionOfList({ body }: Answer): string {
  return textAt(body, 'kind').endsWith('List') ? textAt(body, 'metadata', 'resourceVersion') : '';
}
