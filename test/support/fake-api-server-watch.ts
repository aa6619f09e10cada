import type { ServerResponse } from 'node:http';
import type { FakeEvent, FakeObjects } from './fake-api-server-objects.ts';
import { represent, selects, type SeenRequest } from './fake-api-server-request.ts';

/** An open watch, in the hand of the test. */
export interface FakeWatch {
  readonly request: SeenRequest;
  /** Writes these bytes as they are. */
  write(raw: string | Buffer): void;
  /** Writes an event, of any form. */
  send(event: object): void;
  bookmark(): void;
  /** Ends the answer properly. */
  end(): void;
  /** Resets the connection. */
  reset(): void;
  /** From now on nothing is written or read, yet the connection stays: a half-open one. */
  freeze(): void;
  /** Only events are held back; everything is sent by `resume`. */
  pause(): void;
  resume(): void;
}

export interface WatchBehaviour {
  readonly watchList: 'supported' | 'rejected' | 'no-end-bookmark' | 'dies-midway';
  /** Null for none. */
  readonly bookmarkEveryMs: number | null;
}

export interface WatchHost {
  readonly objects: FakeObjects;
  readonly behaviour: WatchBehaviour;
  /** Answers with a Status. */
  refuse(response: ServerResponse, code: number, reason: string, message: string): void;
  opened(watch: FakeWatch, deliver: (event: FakeEvent) => void): void;
  closed(watch: FakeWatch): void;
}

/** Answers a watch: events after a version, or (WatchList) everything there is first. */
export function answerWatch(
  host: WatchHost,
  request: SeenRequest,
  response: ServerResponse,
  form: 'whole' | 'metadata',
): void {
  const { objects, behaviour } = host;
  const { query, collection } = request;
  const isStreamedList = query['sendInitialEvents'] === 'true';
  if (
    isStreamedList &&
    (behaviour.watchList === 'rejected' || query['resourceVersionMatch'] !== 'NotOlderThan')
  ) {
    const message = 'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden';
    host.refuse(response, 422, 'Invalid', message);
    return;
  }
  const from = query['resourceVersion'] ?? '';
  const isFromStart = from === '' || from === '0';
  const missed = isFromStart ? [] : objects.eventsAfter(collection, Number(from));
  if (missed === null) {
    host.refuse(response, 410, 'Expired', `too old resource version: ${from}`);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  let isFrozen = false;
  let held: FakeEvent[] | null = null;
  let bookmarks: NodeJS.Timeout | undefined;

  // A version that is not reached yet is no error: the watch opens, and tells nothing before it is.
  function isReached(revision: number): boolean {
    return isFromStart || revision > Number(from);
  }

  function deliver(event: FakeEvent): void {
    if (!isReached(event.record.revision)) {
      return;
    }
    if (event.collection === collection && selects(request, event.record)) {
      if (held === null) {
        write(`{"type":"${event.type}","object":${represent(event.record, form)}}\n`);
      } else {
        held.push(event);
      }
    }
  }

  function write(raw: string | Buffer): void {
    if (!isFrozen && !response.writableEnded) {
      response.write(raw);
    }
  }

  const watch: FakeWatch = {
    request,
    write,
    send: (event) => write(`${JSON.stringify(event)}\n`),
    bookmark() {
      watch.send({ type: 'BOOKMARK', object: bookmarkObject(objects.revision) });
    },
    end: () => response.end(),
    reset: () => response.socket?.resetAndDestroy(),
    freeze() {
      isFrozen = true;
      response.socket?.pause();
    },
    pause() {
      held ??= [];
    },
    resume() {
      const events = held ?? [];
      held = null;
      for (const event of events) {
        deliver(event);
      }
    },
  };
  const ending = setTimeout(
    () => {
      if (!isFrozen) {
        response.end();
      }
    },
    Number(query['timeoutSeconds'] ?? '1800') * 1000,
  ).unref();
  if (behaviour.bookmarkEveryMs !== null && query['allowWatchBookmarks'] === 'true') {
    bookmarks = setInterval(() => {
      if (isReached(objects.revision + 1)) {
        watch.bookmark();
      }
    }, behaviour.bookmarkEveryMs).unref();
  }
  response.on('close', () => {
    clearTimeout(ending);
    clearInterval(bookmarks);
    host.closed(watch);
  });
  host.opened(watch, deliver);
  if (isFromStart) {
    sendInitial(host, watch, form, isStreamedList);
  }
  for (const event of missed) {
    deliver(event);
  }
}

function sendInitial(
  { objects, behaviour }: WatchHost,
  watch: FakeWatch,
  form: 'whole' | 'metadata',
  isStreamedList: boolean,
): void {
  const records = objects.list(watch.request.collection).filter((record) => selects(watch.request, record));
  const count = behaviour.watchList === 'dies-midway' && isStreamedList ? records.length / 2 : records.length;
  // Streamed lists are in no order of versions.
  const shown = records.slice(0, Math.floor(count)).reverse();
  let part = '';
  for (const record of shown) {
    part += `{"type":"ADDED","object":${represent(record, form)}}\n`;
    if (part.length > 60_000) {
      watch.write(part);
      part = '';
    }
  }
  watch.write(part);
  if (!isStreamedList) {
    return;
  }
  if (behaviour.watchList === 'dies-midway') {
    watch.reset();
  } else if (behaviour.watchList === 'supported') {
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    watch.send({ type: 'BOOKMARK', object: bookmarkObject(objects.revision, annotations) });
  }
}

function bookmarkObject(revision: number, annotations?: Readonly<Record<string, string>>): object {
  return {
    kind: 'Any',
    apiVersion: 'v1',
    metadata: { resourceVersion: String(revision), ...(annotations && { annotations }) },
  };
}
