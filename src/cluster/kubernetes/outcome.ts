import type { Answer } from './api-client.ts';
import type { BodyEnd, Failure } from './transport.ts';

/** How one list or one watch ended; the reflector decides from it what comes next, and when. */
export type Outcome =
  | { readonly kind: 'listed' }
  /** Most of what there was has vanished: a second list has to confirm that. */
  | { readonly kind: 'doubted'; readonly missing: number; readonly known: number }
  | {
      readonly kind: 'ended';
      readonly end: BodyEnd;
      /** It has delivered an object or a bookmark. */
      readonly isProductive: boolean;
      readonly livedMs: number;
      /** It ended before the list at its start was complete. */
      readonly isIncomplete: boolean;
    }
  /** The version to go on from is gone. */
  | { readonly kind: 'expired'; readonly isProductive: boolean }
  /** The server's data are older than what was seen: they were restored or replaced. */
  | { readonly kind: 'rewound'; readonly position: string; readonly version: string }
  | { readonly kind: 'malformed'; readonly reason: string; readonly isIncomplete: boolean }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly message: string;
      readonly retryAfterMs: number | null;
    }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The server streams no lists. */
  | { readonly kind: 'unsupported'; readonly reason: string };

/** The outcome of a request that gave neither list nor stream. */
export function outcomeOf(reply: Answer | Failure): Outcome {
  if (reply.kind === 'failure') {
    return { kind: 'failed', reason: reply.reason };
  }
  if (reply.status === 410) {
    return { kind: 'expired', isProductive: false };
  }
  const { status, message, retryAfterMs } = reply;
  return { kind: 'refused', status, message, retryAfterMs };
}

/** The outcome in words, for logs and the status. */
export function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'listed':
      return 'listed';
    case 'doubted':
      return `${outcome.missing} of ${outcome.known} objects are missing from a complete list; a second list has to confirm that before they are deleted`;
    case 'ended':
      return outcome.end.reason;
    case 'expired':
      return 'the version to go on from is no longer kept by the server (410)';
    case 'rewound':
      return `the API server is at version ${outcome.version}, before ${outcome.position} that was seen: its data were restored or replaced, and are listed anew`;
    case 'malformed':
    case 'unsupported':
    case 'failed':
      return outcome.reason;
    default:
      return `the API server answers ${outcome.status}: ${outcome.message}`;
  }
}

/** Whether the server may be away: no answer came, or the connection did not end in order. */
export function isLostConnection(outcome: Outcome): boolean {
  return outcome.kind === 'failed' || (outcome.kind === 'ended' && outcome.end.how !== 'closed');
}

/** The outcome in a word fit for a label. */
export function labelOf(outcome: Outcome): string {
  if (outcome.kind === 'ended') {
    return outcome.end.how;
  }
  return outcome.kind === 'refused' ? String(outcome.status) : outcome.kind;
}
