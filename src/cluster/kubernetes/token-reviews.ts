import type { ApiClient, Answer, ApiRequest } from './api-client.ts';
import type { Failure } from './transport.ts';
import { at, plainLine, textAt } from './api-json.ts';

/** What the API server says about somebody who asks for a path with a token. */
export type TokenReview =
  | { readonly outcome: 'allowed'; readonly user: string }
  | { readonly outcome: 'forbidden'; readonly user: string }
  /** It knows nobody with this token (any more). */
  | { readonly outcome: 'unknown' }
  /** It could not be asked, or did not answer; `reason` is for people and never holds the token. */
  | { readonly outcome: 'unavailable'; readonly reason: string };

/** Milliseconds for both questions together: whoever asks is waiting for a page. */
const deadlineMs = 10_000;

const tokenReviews = '/apis/authentication.k8s.io/v1/tokenreviews';
const accessReviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

/**
 * Asks the API server whose token this is, and whether that one may `get` a path, as `nonResourceURLs` of a
 * ClusterRole. Every answer that is not a clear yes is a no.
 */
export async function reviewToken(client: ApiClient, token: string, path: string): Promise<TokenReview> {
  const signal = AbortSignal.timeout(deadlineMs);
  const known = await ask(client, token, {
    path: tokenReviews,
    signal,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
  });
  if ('outcome' in known) {
    return known;
  }
  const user = at(known.body, 'status', 'user');
  const name = textAt(user, 'username');
  if (at(known.body, 'status', 'authenticated') !== true || name === '') {
    return { outcome: 'unknown' };
  }
  const spec = {
    user: name,
    uid: textAt(user, 'uid'),
    groups: at(user, 'groups') ?? [],
    extra: at(user, 'extra') ?? {},
    nonResourceAttributes: { path, verb: 'get' },
  };
  const access = await ask(client, token, {
    path: accessReviews,
    signal,
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec },
  });
  if ('outcome' in access) {
    return access;
  }
  const isAllowed =
    at(access.body, 'status', 'allowed') === true && at(access.body, 'status', 'denied') !== true;
  return { outcome: isAllowed ? 'allowed' : 'forbidden', user: plainLine(name) };
}

async function ask(
  client: ApiClient,
  token: string,
  request: ApiRequest,
): Promise<Answer | Extract<TokenReview, { outcome: 'unavailable' }>> {
  const post = { ...request, method: 'POST' as const };
  let answer: Answer | Failure = await client.send(post);
  if (answer.kind === 'failure' && answer.isStale) {
    // A review changes nothing, so it may be asked twice.
    answer = await client.send(post);
  }
  if (answer.kind === 'answer' && answer.status === 201) {
    return answer;
  }
  const resource = request.path.slice(request.path.lastIndexOf('/') + 1);
  const said = answer.kind === 'failure' ? answer.reason : `${answer.status} ${answer.message}`;
  // A proxy may repeat what it was sent.
  const reason = plainLine(`${resource} cannot be created: ${said}`.replaceAll(token, '…'));
  return { outcome: 'unavailable', reason };
}
