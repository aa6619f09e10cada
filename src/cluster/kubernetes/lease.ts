import { at, textAt } from './api-json.ts';
import { resourcePath } from './resource.ts';

/** Shortest and longest validity of a Lease that is believed, in seconds; what lies outside was a mistake. */
const believedSeconds = { least: 1, most: 3600 } as const;

/** A Lease as it was read. */
export interface LeaseRecord {
  /** The whole object: what others have put into it is written back as it was. */
  readonly raw: object;
  /** Empty where the last holder let go. */
  readonly holder: string;
  /** How long the holder may lead without renewing; null where the Lease does not say so believably. */
  readonly durationMs: number | null;
  readonly transitions: number;
  /** The spec as text: a holder that lives changes it. */
  readonly fingerprint: string;
}

/** The path of a Lease, or of the Leases of a namespace where no name is given. */
export function leasePath(namespace: string, name?: string): string {
  const target = { apiVersion: 'coordination.k8s.io/v1', plural: 'leases', namespace };
  return resourcePath(name === undefined ? target : { ...target, name });
}

/** Null where the answer is no Lease, as from a proxy that answers everything with 200. */
export function readLease(body: unknown): LeaseRecord | null {
  const spec = at(body, 'spec') ?? {};
  if (typeof body !== 'object' || body === null || textAt(body, 'metadata', 'resourceVersion') === '') {
    return null;
  }
  const seconds = at(spec, 'leaseDurationSeconds');
  const transitions = at(spec, 'leaseTransitions');
  const isBelieved =
    typeof seconds === 'number' && seconds >= believedSeconds.least && seconds <= believedSeconds.most;
  return {
    raw: body,
    holder: textAt(spec, 'holderIdentity'),
    durationMs: isBelieved ? seconds * 1000 : null,
    transitions: typeof transitions === 'number' ? transitions : 0,
    fingerprint: JSON.stringify(spec),
  };
}

/** A Lease that does not exist yet. */
export function newLease(namespace: string, name: string, identity: string, ttlMs: number): object {
  const now = microTime();
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace },
    spec: { ...holding(identity, ttlMs, now), acquireTime: now, leaseTransitions: 0 },
  };
}

/** The Lease renewed by its holder, or taken over. Carries the resourceVersion that was read, so only one can win. */
export function renewedLease(record: LeaseRecord, identity: string, ttlMs: number): object {
  const now = microTime();
  const isTakeover = record.holder !== identity;
  return withSpec(record, {
    ...holding(identity, ttlMs, now),
    ...(isTakeover && { acquireTime: now, leaseTransitions: record.transitions + 1 }),
  });
}

/** The Lease without a holder: the next replica that looks takes it at once. */
export function releasedLease(record: LeaseRecord): object {
  const now = microTime();
  return withSpec(record, {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: now,
    renewTime: now,
  });
}

function withSpec(record: LeaseRecord, changed: object): object {
  const spec = at(record.raw, 'spec');
  return { ...record.raw, spec: { ...(typeof spec === 'object' ? spec : {}), ...changed } };
}

function holding(identity: string, ttlMs: number, now: string): object {
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.max(believedSeconds.least, Math.ceil(ttlMs / 1000)),
    renewTime: now,
  };
}

/** For people and other tools only; nobody decides by it. The API wants exactly six digits of a second's fraction. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
