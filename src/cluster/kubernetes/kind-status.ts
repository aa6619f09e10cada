import type { Kind } from '../../model/object-ref.ts';
import type { Finding } from '../../model/verdict.ts';
import type { ReflectorState } from './reflector-events.ts';
import { resources } from './resource.ts';

export interface ApiLog {
  debug(message: string, fields: object): void;
  info(message: string, fields: object): void;
  warn(message: string, fields: object): void;
  error(message: string, fields: object): void;
}

/** What may be counted; every hook is optional and is called on the main thread. */
export interface ApiObserver {
  /** Bytes of this kind have come. */
  contact?(kind: Kind): void;
  /** A list or watch was begun again; `reason` is a word fit for a label (`closed`, `expired`, `429`…). */
  restarted?(kind: Kind, reason: string): void;
  /** A complete list was taken as the truth. */
  listed?(kind: Kind, objects: number, seconds: number): void;
  /** Changes that only a list showed; should stay at 0. */
  drifted?(kind: Kind, objects: number): void;
  /** A line or item that could not be used. */
  skipped?(kind: Kind, reason: string): void;
}

/** One kind as far as it is followed. `start` waits for all of them. */
export interface KindStatus {
  readonly kind: Kind;
  /** One complete list is in the store. */
  readonly synced: boolean;
  /** `performance.now()` when the server was last heard of this kind; null before the first time. */
  readonly lastContactMonotonic: number | null;
  readonly restarts: number;
  /** What is wrong, for people; null where nothing is. What was known before stays in the store. */
  readonly degradedReason: string | null;
  /** The server does not let us read it, or does not have it. */
  readonly isUnavailable: boolean;
}

/**
 * The status of a kind of several collections.
 * @param isComplete whether everything beside their lists is there as well
 */
export function statusOfKind(kind: Kind, states: readonly ReflectorState[], isComplete: boolean): KindStatus {
  const contacts = states.map((state) => state.lastContact).filter((time) => time !== null);
  const troubles = states.map((state) => state.trouble).filter((trouble) => trouble !== null);
  return {
    kind,
    synced: states.every((state) => state.isSynced) && isComplete,
    lastContactMonotonic: contacts.length < states.length ? null : Math.min(...contacts),
    restarts: states.reduce((sum, state) => sum + state.restarts, 0),
    degradedReason: troubles[0]?.reason ?? null,
    isUnavailable: troubles.some(({ kind: what }) => what === 'forbidden' || what === 'not-served'),
  };
}

/** What is said about a kind that the server does not let us read, or does not have. */
export function unavailableKind(kind: Kind, reason: string): Finding {
  const { plural, apiVersion } = resources[kind];
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const effect = 'what was known of them before is kept, and changes are not seen';
  return {
    object: { kind, namespace: '', name: '_all_' },
    state: 'served-with-difference',
    reason: {
      field: '',
      message: `${kind} objects cannot be read (${reason}); ${effect}: allow list and watch of ${plural} in the API group "${group}" to the service account`,
    },
  };
}

/** Why what is known of the cluster cannot be trusted to be current, in words; null where it can. */
export function firstStaleness(kinds: readonly KindStatus[]): string | null {
  const found = kinds.find(({ degradedReason }) => degradedReason !== null);
  return found === undefined ? null : `${found.kind}: ${found.degradedReason ?? ''}`;
}

/** Why the first complete listing is not there, in words; null where it is, or where nothing is known to be wrong. */
export function firstObstacle(kinds: readonly KindStatus[]): string | null {
  const found = kinds.find(({ synced, degradedReason }) => !synced && degradedReason !== null);
  if (found === undefined) {
    return null;
  }
  const { kind, isUnavailable, degradedReason } = found;
  const reason = degradedReason ?? '';
  return isUnavailable ? unavailableKind(kind, reason).reason.message : `${kind} objects: ${reason}`;
}
