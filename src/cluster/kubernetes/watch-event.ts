import { at, parseJson, plainLine, textAt } from './api-json.ts';

/** One line of a watch. */
export type WatchEvent =
  | { readonly kind: 'put' | 'delete'; readonly raw: unknown; readonly resourceVersion: string }
  /** `isEndOfList`: everything that was there at the start has been sent. */
  | { readonly kind: 'bookmark'; readonly resourceVersion: string; readonly isEndOfList: boolean }
  | {
      readonly kind: 'error';
      readonly status: number;
      readonly message: string;
      readonly retryAfterMs: number | null;
    }
  /** A type that this program is too old to know. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Reads a line of a watch. */
export function readWatchEvent(line: string): WatchEvent {
  const event = parseJson(line);
  const type = textAt(event, 'type');
  const object = at(event, 'object');
  if (type === '' || typeof object !== 'object' || object === null) {
    return { kind: 'malformed', reason: 'a line of the watch is no event' };
  }
  const resourceVersion = textAt(object, 'metadata', 'resourceVersion');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'put', raw: object, resourceVersion };
    case 'DELETED':
      return { kind: 'delete', raw: object, resourceVersion };
    case 'BOOKMARK':
      return {
        kind: 'bookmark',
        resourceVersion,
        isEndOfList: textAt(object, 'metadata', 'annotations', 'k8s.io/initial-events-end') === 'true',
      };
    case 'ERROR':
      return readError(object);
    default:
      return { kind: 'unknown' };
  }
}

function readError(status: object): WatchEvent {
  const code = at(status, 'code');
  const seconds = at(status, 'details', 'retryAfterSeconds');
  // What says neither why nor what to do is cured by a list, like a version that is gone.
  const isExpired = ['Expired', 'Gone'].includes(textAt(status, 'reason'));
  return {
    kind: 'error',
    status: typeof code === 'number' && !isExpired ? code : 410,
    message: plainLine(textAt(status, 'message') || textAt(status, 'reason')),
    retryAfterMs: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null,
  };
}
