import type { ObjectRef } from '../../model/object-ref.ts';
import type { Stream } from './api-client.ts';
import type { Entry } from './intake.ts';
import type { KnownObjects, Listing } from './known-objects.ts';
import { createLineReader } from './line-reader.ts';
import { isOlder } from './intake.ts';
import type { Outcome } from './outcome.ts';
import { isRestDue, rest } from './pacer.ts';
import { readWatchEvent, type WatchEvent } from './watch-event.ts';

export interface WatchStreamOptions {
  readonly stream: Stream;
  readonly known: KnownObjects;
  /** Collects the objects sent at the start, or null where the watch goes on from a version. */
  readonly initial: Listing | null;
  /** The list at the start is complete. An outcome ends the watch. */
  onListed(listing: Listing, resourceVersion: string): Outcome | null;
  /** Everything up to this version has been seen. */
  onPosition(resourceVersion: string): void;
  /** Changes in the order in which they came. */
  onChanges(set: readonly Entry[], deleted: readonly ObjectRef[]): void;
  /** Bytes have come. */
  onContact(): void;
  /** An event that was skipped, and why. */
  onSkipped(reason: string): void;
}

/** Reads a watch to its end, in slices that leave the event loop its turns. */
export async function readWatch(options: WatchStreamOptions): Promise<Outcome> {
  const { chunks } = options.stream;
  const reader = createLineReader();
  const start = performance.now();
  const reading = createReading(options);

  async function stopWith(outcome: Outcome): Promise<Outcome> {
    reading.publish();
    await chunks.return({ how: 'stopped', reason: 'left' });
    return outcome;
  }

  for (;;) {
    const next = await chunks.next();
    if (next.done === true) {
      reading.publish();
      const isCut = next.value.how === 'closed' && reader.hasRest();
      const isIncomplete = reading.isIncomplete();
      return isCut
        ? { kind: 'malformed', reason: 'the last line of the watch is cut off', isIncomplete }
        : {
            kind: 'ended',
            end: next.value,
            isProductive: reading.isProductive(),
            livedMs: performance.now() - start,
            isIncomplete,
          };
    }
    options.onContact();
    const lines = reader.push(next.value);
    if (lines === null) {
      const reason = 'a line of the watch is longer than 8 MiB';
      return stopWith({ kind: 'malformed', reason, isIncomplete: reading.isIncomplete() });
    }
    for (const line of lines) {
      const outcome = line.trim() === '' ? null : reading.take(readWatchEvent(line));
      if (outcome !== null) {
        return stopWith(outcome);
      }
      if (isRestDue()) {
        reading.publish();
        await rest();
      }
    }
    reading.publish();
  }
}

interface Reading {
  /** Takes one event; an outcome ends the watch. */
  take(event: WatchEvent): Outcome | null;
  /** Hands on what has been collected since the last time. */
  publish(): void;
  isProductive(): boolean;
  isIncomplete(): boolean;
}

function createReading(options: WatchStreamOptions): Reading {
  const { known } = options;
  let initial = options.initial;
  let isProductive = false;
  let position = '';
  let changes = new Map<string, Entry | ObjectRef>();

  function advance(resourceVersion: string): void {
    isProductive = true;
    // A server that lags behind the one before it must not have us repeat what we know.
    if (resourceVersion !== '' && !isOlder(resourceVersion, position)) {
      position = resourceVersion;
      options.onPosition(position);
    }
  }

  function takeInitial(listing: Listing, event: WatchEvent & { kind: 'put' | 'delete' }): Outcome | null {
    if (event.kind === 'delete') {
      listing.remove(event.raw);
    } else if (!listing.add(event.raw)) {
      return malformed();
    }
    return null;
  }

  function takeChange(event: WatchEvent & { kind: 'put' | 'delete' }): Outcome | null {
    const change = event.kind === 'put' ? known.put(event.raw) : known.remove(event.raw);
    if (change === undefined) {
      return malformed();
    }
    if (change !== null) {
      const { namespace, name } = 'ref' in change ? change.ref : change;
      changes.set(`${namespace}/${name}`, change);
    }
    advance(event.resourceVersion);
    return null;
  }

  function malformed(): Outcome {
    return {
      kind: 'malformed',
      reason: 'an event of the watch holds no object',
      isIncomplete: initial !== null,
    };
  }

  function takeBookmark(event: WatchEvent & { kind: 'bookmark' }): Outcome | null {
    if (initial === null) {
      advance(event.resourceVersion);
      return null;
    }
    // The objects sent at the start are in no order: no version before the last of them means anything.
    if (!event.isEndOfList) {
      return null;
    }
    const listing = initial;
    initial = null;
    const outcome = options.onListed(listing, event.resourceVersion);
    if (outcome === null) {
      advance(event.resourceVersion);
    }
    return outcome;
  }

  function takeError(event: WatchEvent & { kind: 'error' }): Outcome {
    const { status, message, retryAfterMs } = event;
    const isTemporary = status === 401 || status === 403 || status === 429 || status >= 500;
    return isTemporary
      ? { kind: 'refused', status, message, retryAfterMs }
      : { kind: 'expired', isProductive };
  }

  return {
    take(event) {
      switch (event.kind) {
        case 'put':
        case 'delete':
          return initial === null ? takeChange(event) : takeInitial(initial, event);
        case 'bookmark':
          return takeBookmark(event);
        case 'error':
          return takeError(event);
        case 'unknown':
          options.onSkipped('an event of an unknown type');
          return null;
        default:
          return { kind: 'malformed', reason: event.reason, isIncomplete: initial !== null };
      }
    },
    publish() {
      if (changes.size === 0) {
        return;
      }
      const set: Entry[] = [];
      const deleted: ObjectRef[] = [];
      for (const change of changes.values()) {
        if ('ref' in change) {
          set.push(change);
        } else {
          deleted.push(change);
        }
      }
      changes = new Map();
      options.onChanges(set, deleted);
    },
    isProductive: () => isProductive,
    isIncomplete: () => initial !== null,
  };
}
