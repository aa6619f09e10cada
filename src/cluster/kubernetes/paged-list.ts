import { at, textAt } from './api-json.ts';
import type { Answer, ApiClient, ApiRequest } from './api-client.ts';
import type { Listing } from './known-objects.ts';
import { isRestDue, rest } from './pacer.ts';
import type { Failure } from './transport.ts';

const firstPageSize = 500;
const smallestPageSize = 20;
/** Parsing takes 10 ms a megabyte in one go, and leaves several times its size to the garbage collector. */
const wantedPageBytes = 1024 * 1024;
/** Continue tokens live for five minutes; a list that outlives them this often is asked for in one piece. */
const maxExpired = 3;

export interface Listed {
  readonly kind: 'listed';
  readonly listing: Listing;
  readonly resourceVersion: string;
}

export interface ListRequest {
  readonly client: ApiClient;
  readonly request: ApiRequest;
  readonly signal: AbortSignal;
  /** An empty listing; asked for again when the list has to start over. */
  newListing(): Listing;
  /** Called for each page that came. */
  onContact(): void;
  /** Called for each item that is no object at all. */
  onUnreadable(): void;
}

/** Lists a collection page by page, consistently: no resourceVersion is given, so the answer is never an old one. */
export async function listInPages(options: ListRequest): Promise<Listed | Answer | Failure> {
  for (let expired = 0; ; expired += 1) {
    const result = await listOnce(options, expired < maxExpired ? firstPageSize : null);
    if (result.kind !== 'answer' || result.status !== 410 || expired >= maxExpired) {
      return result.kind === 'paged' ? result.listed : result;
    }
  }
}

interface Paged {
  readonly kind: 'paged';
  readonly listed: Listed;
}

async function listOnce(options: ListRequest, pageSize: number | null): Promise<Paged | Answer | Failure> {
  const { client, request, signal } = options;
  const listing = options.newListing();
  let limit = pageSize;
  let token = '';
  let resourceVersion = '';
  do {
    const query = {
      ...request.query,
      ...(limit !== null && { limit: String(limit) }),
      ...(token !== '' && { continue: token }),
    };
    const answer = await client.send({ ...request, query, signal });
    if (answer.kind !== 'answer' || answer.status !== 200) {
      return answer;
    }
    options.onContact();
    const page = readPage(answer);
    if (page === null) {
      return { kind: 'failure', reason: 'the answer is no list of the API', isStale: false };
    }
    for (const item of page.items) {
      if (!listing.add(item)) {
        options.onUnreadable();
      }
      if (isRestDue()) {
        await rest();
      }
    }
    resourceVersion = resourceVersion === '' ? page.resourceVersion : resourceVersion;
    if (page.token !== '' && page.token === token) {
      return { kind: 'failure', reason: 'the list repeats its continue token', isStale: false };
    }
    token = page.token;
    limit = limit === null ? null : nextPageSize(limit, answer.bytes);
    await rest();
  } while (token !== '' && !signal.aborted);
  return { kind: 'paged', listed: { kind: 'listed', listing, resourceVersion } };
}

interface Page {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  readonly token: string;
}

/** Null for anything that is no list: a proxy's greeting with status 200 must not pass for an empty cluster. */
function readPage({ body }: Answer): Page | null {
  const resourceVersion = textAt(body, 'metadata', 'resourceVersion');
  const items = at(body, 'items') ?? [];
  if (resourceVersion === '' || !textAt(body, 'kind').endsWith('List') || !Array.isArray(items)) {
    return null;
  }
  return { items: items as unknown[], resourceVersion, token: textAt(body, 'metadata', 'continue') };
}

function nextPageSize(limit: number, bytes: number): number {
  return bytes <= wantedPageBytes
    ? limit
    : Math.max(smallestPageSize, Math.floor((limit * wantedPageBytes) / bytes));
}
