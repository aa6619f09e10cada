import { hash } from 'node:crypto';
import type { ObjectRef } from '../../model/object-ref.ts';
import { at, textAt } from './api-json.ts';
import type { Answer, ApiClient } from './api-client.ts';
import { namesOnlyAccept } from './collections.ts';
import type { EventText } from './event-text.ts';
import { resourcePath, resources } from './resource.ts';
import type { Failure } from './transport.ts';

export const eventSource = 'cloud-native-gateway';

/** Which version of which object an Event is about. */
export interface EventSubject {
  readonly ref: ObjectRef;
  /** Empty where the object could not be read far enough; then the API server is asked. */
  readonly uid: string;
  readonly resourceVersion: string;
}

/** One change to tell. */
export interface Telling {
  readonly subject: EventSubject;
  readonly text: EventText;
  /** How many changes this one stands for. */
  readonly times: number;
  /** It may have been told already, by another replica or by a request whose answer was lost. */
  readonly isDoubtful: boolean;
}

export type EventWrite =
  | { readonly kind: 'written' }
  /** Somebody has told it already. */
  | { readonly kind: 'told' }
  /** It cannot be told, ever; `reason` is null where that is nobody's fault: the object or its namespace is gone. */
  | { readonly kind: 'dropped'; readonly reason: string | null }
  /** We may not write Events in this namespace. */
  | { readonly kind: 'forbidden'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs: number };

export interface EventWriter {
  write(telling: Telling, signal: AbortSignal): Promise<EventWrite>;
}

/** Events whose count is remembered; another one is read first. */
const mostRemembered = 2000;

interface Written {
  readonly count: number;
}

/**
 * Writes Events of the core API, as `kubectl describe` shows them. An object has at most one Event of each reason at a
 * time: saying it again counts it up. Its name follows from object and reason, so that two replicas that say the same
 * write one Event.
 * @param reporter the name of this pod
 */
export function createEventWriter(client: ApiClient, reporter: string): EventWriter {
  const remembered = new Map<string, Written>();

  function remember(name: string, written: Written): void {
    remembered.delete(name);
    remembered.set(name, written);
    for (const oldest of remembered.keys()) {
      if (remembered.size <= mostRemembered) {
        break;
      }
      remembered.delete(oldest);
    }
  }

  /** The uid of an object that could not be read whole: its metadata is all that is asked for. */
  async function identify(subject: EventSubject, signal: AbortSignal): Promise<EventSubject | EventWrite> {
    if (subject.uid !== '') {
      return subject;
    }
    const { kind, namespace, name } = subject.ref;
    const { apiVersion, plural } = resources[kind];
    const reply = await client.send({
      path: resourcePath({ apiVersion, plural, namespace, name }),
      accept: namesOnlyAccept.one,
      signal,
    });
    if (reply.kind === 'answer' && reply.status === 200) {
      const metadata = at(reply.body, 'metadata');
      return {
        ...subject,
        uid: textAt(metadata, 'uid'),
        resourceVersion: textAt(metadata, 'resourceVersion'),
      };
    }
    return refusal(reply);
  }

  async function countUp(
    path: string,
    name: string,
    telling: Telling,
    count: number,
    signal: AbortSignal,
  ): Promise<EventWrite | 'gone'> {
    const { type, message } = telling.text;
    const body = { type, message, count, lastTimestamp: now() };
    const reply = await client.send({ method: 'PATCH', path, body, signal });
    if (reply.kind === 'answer' && reply.status < 300) {
      remember(name, { count });
      return { kind: 'written' };
    }
    if (reply.kind === 'answer' && reply.status === 404) {
      // Events live for an hour.
      remembered.delete(name);
      return 'gone';
    }
    return refusal(reply);
  }

  async function create(
    subject: EventSubject,
    name: string,
    telling: Telling,
    signal: AbortSignal,
  ): Promise<EventWrite | 'exists'> {
    const namespace = namespaceOf(subject.ref);
    const path = resourcePath({ apiVersion: 'v1', plural: 'events', namespace });
    const body = newEvent(subject, name, telling, reporter);
    const reply = await client.send({ method: 'POST', path, body, signal });
    if (reply.kind === 'answer' && reply.status < 300) {
      remember(name, { count: telling.times });
      return { kind: 'written' };
    }
    return reply.kind === 'answer' && reply.status === 409 ? 'exists' : refusal(reply);
  }

  async function write(telling: Telling, signal: AbortSignal): Promise<EventWrite> {
    const subject = await identify(telling.subject, signal);
    if ('kind' in subject) {
      return subject;
    }
    const name = eventName(subject, telling.text.reason);
    const namespace = namespaceOf(subject.ref);
    const path = resourcePath({ apiVersion: 'v1', plural: 'events', namespace, name });
    const known = remembered.get(name);
    if (known !== undefined && !telling.isDoubtful) {
      const result = await countUp(path, name, telling, known.count + telling.times, signal);
      if (result !== 'gone') {
        return result;
      }
    }
    const created = await create(subject, name, telling, signal);
    if (created !== 'exists') {
      return created;
    }
    // A patch of nothing changes nothing and answers with the Event, without the right to read Events.
    const live = await client.send({ method: 'PATCH', path, body: {}, signal });
    if (live.kind !== 'answer' || live.status !== 200) {
      return refusal(live);
    }
    const listed = at(live.body, 'count');
    const count = typeof listed === 'number' ? listed : 1;
    if (telling.isDoubtful && textAt(live.body, 'message') === telling.text.message) {
      remember(name, { count });
      return { kind: 'told' };
    }
    const result = await countUp(path, name, telling, count + telling.times, signal);
    return result === 'gone'
      ? { kind: 'failed', reason: 'the Event has just expired', retryAfterMs: 0 }
      : result;
  }

  return { write };
}

/** Events about objects without a namespace stand in `default`, as with every other component. */
function namespaceOf({ namespace }: ObjectRef): string {
  return namespace === '' ? 'default' : namespace;
}

/** Names are at most 253 characters long, and end with a letter or digit. */
function eventName({ ref, uid }: EventSubject, reason: string): string {
  const tail = hash('sha256', `${ref.kind} ${uid} ${reason}`, 'hex').slice(0, 16);
  return `${ref.name.slice(0, 230).replace(/[^a-z0-9]+$/u, '')}.${tail}`;
}

function newEvent(subject: EventSubject, name: string, { text, times }: Telling, reporter: string): object {
  const { ref, uid, resourceVersion } = subject;
  const time = now();
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: namespaceOf(ref) },
    involvedObject: {
      apiVersion: resources[ref.kind].apiVersion,
      kind: ref.kind,
      ...(ref.namespace !== '' && { namespace: ref.namespace }),
      name: ref.name,
      ...(uid !== '' && { uid }),
      ...(resourceVersion !== '' && { resourceVersion }),
    },
    ...text,
    count: times,
    firstTimestamp: time,
    lastTimestamp: time,
    source: { component: eventSource },
    reportingComponent: eventSource,
    reportingInstance: reporter,
  };
}

/** To the second, as the API has it. For people only. */
function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/u, 'Z');
}

function refusal(reply: Answer | Failure): EventWrite {
  if (reply.kind === 'failure') {
    return { kind: 'failed', reason: reply.reason, retryAfterMs: 0 };
  }
  const { status, message } = reply;
  const reason = `the API server answers ${status}: ${message}`;
  if (status === 404 || (status === 403 && isTerminating(reply.body))) {
    return { kind: 'dropped', reason: null };
  }
  if (status === 403 || status === 405) {
    return { kind: 'forbidden', reason };
  }
  if (status >= 400 && status < 500 && status !== 401 && status !== 408 && status !== 409 && status !== 429) {
    return { kind: 'dropped', reason };
  }
  return { kind: 'failed', reason, retryAfterMs: reply.retryAfterMs ?? 0 };
}

/** Nothing new may be written into a namespace that is being deleted, which says nothing about our rights. */
function isTerminating(body: unknown): boolean {
  const causes = at(body, 'details', 'causes');
  return Array.isArray(causes) && causes.some((cause) => textAt(cause, 'reason') === 'NamespaceTerminating');
}
