import { createHash } from 'node:crypto';

/** Who asked for a page with a token, as far as somebody else could tell. */
export type Review =
  | { readonly outcome: 'allowed' | 'forbidden'; readonly user: string }
  | { readonly outcome: 'unknown' }
  /** `reason` is for people; it never holds the token. */
  | { readonly outcome: 'unavailable'; readonly reason: string };

/** Asks whose token it is and whether that one may read; never rejects. */
export type Reviewer = (token: string) => Promise<Review>;

export interface CacheLimits {
  /** Milliseconds that a yes holds: as long may somebody read on who has lost the right to. */
  readonly allowedMs: number;
  /** Milliseconds that a no holds. */
  readonly refusedMs: number;
  /** Answers kept of each sort. */
  readonly entries: number;
  /** Questions that may be asked at once after a quiet time, and how many a second on end. */
  readonly burst: number;
  readonly perSecond: number;
}

export const defaultCacheLimits: CacheLimits = {
  allowedMs: 60_000,
  refusedMs: 10_000,
  entries: 500,
  burst: 20,
  perSecond: 5,
};

interface Entry {
  readonly review: Review;
  /** On the clock of `now`. */
  readonly until: number;
}

/**
 * A reviewer that remembers answers for a short time, asks the same question once at a time, and asks no more
 * questions than the limits allow: strangers who try tokens must not become a load on the API server. Tokens are kept
 * as hashes. A yes and a no have places of their own, so that wrong tokens push nobody out.
 * @param now milliseconds of a clock that never goes back
 */
export function cachedReviewer(
  review: Reviewer,
  limits: CacheLimits = defaultCacheLimits,
  now: () => number = () => performance.now(),
): Reviewer {
  const allowed = new Map<string, Entry>();
  const refused = new Map<string, Entry>();
  const asking = new Map<string, Promise<Review>>();
  let credit = limits.burst;
  let creditAt = now();

  function remembered(key: string): Review | null {
    for (const place of [allowed, refused]) {
      const entry = place.get(key);
      if (entry !== undefined && entry.until > now()) {
        return entry.review;
      }
      place.delete(key);
    }
    return null;
  }

  function remember(key: string, answer: Review): void {
    if (answer.outcome === 'unavailable') {
      return;
    }
    const isYes = answer.outcome === 'allowed';
    const place = isYes ? allowed : refused;
    place.set(key, { review: answer, until: now() + (isYes ? limits.allowedMs : limits.refusedMs) });
    for (const oldest of place.keys()) {
      if (place.size <= limits.entries) {
        break;
      }
      place.delete(oldest);
    }
  }

  function mayAsk(): boolean {
    const at = now();
    credit = Math.min(limits.burst, credit + ((at - creditAt) / 1000) * limits.perSecond);
    creditAt = at;
    if (credit < 1) {
      return false;
    }
    credit -= 1;
    return true;
  }

  async function ask(key: string, token: string): Promise<Review> {
    const answer = await review(token);
    remember(key, answer);
    return answer;
  }

  return (token) => {
    const key = createHash('sha256').update(token).digest('base64');
    const known = remembered(key);
    if (known !== null) {
      return Promise.resolve(known);
    }
    const running = asking.get(key);
    if (running !== undefined) {
      return running;
    }
    if (!mayAsk()) {
      return Promise.resolve({
        outcome: 'unavailable',
        reason: 'too many tokens are being tried; ask again in a few seconds',
      });
    }
    const answer = ask(key, token).finally(() => asking.delete(key));
    asking.set(key, answer);
    return answer;
  };
}
