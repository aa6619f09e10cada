import type { IncomingMessage } from 'node:http';
import type { FakeObject, FakeRecord } from './fake-api-server-objects.ts';

export type FakeVerb = 'list' | 'watch' | 'get' | 'create' | 'update' | 'patch' | 'delete' | 'other';

/** What the fake API server was asked. */
export interface SeenRequest {
  readonly verb: FakeVerb;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** `apiVersion/plural`; empty for paths that are no resource. */
  readonly collection: string;
  readonly plural: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  /** `performance.now()` */
  readonly at: number;
}

const verbs: Readonly<Record<string, FakeVerb>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

export function readRequest(message: IncomingMessage): SeenRequest {
  const url = new URL(message.url ?? '/', 'http://fake');
  const method = message.method ?? 'GET';
  const query = Object.fromEntries(url.searchParams);
  const parts = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const isCore = parts[0] === 'api';
  const base = { method, path: url.pathname, query, headers: message.headers, at: performance.now() };
  if (!isCore && parts[0] !== 'apis') {
    return { ...base, verb: 'other', collection: '', plural: '', namespace: '', name: '', subresource: '' };
  }
  const apiVersion = parts.slice(1, isCore ? 2 : 3).join('/');
  let rest = parts.slice(isCore ? 2 : 3);
  let namespace = '';
  if (rest[0] === 'namespaces' && rest.length > 2) {
    namespace = rest[1] ?? '';
    rest = rest.slice(2);
  }
  const [plural = '', name = '', subresource = ''] = rest;
  const reading = name === '' ? 'list' : 'get';
  const verb = method === 'GET' ? reading : (verbs[method] ?? 'other');
  return {
    ...base,
    verb: verb === 'list' && (query['watch'] === 'true' || query['watch'] === '1') ? 'watch' : verb,
    collection: `${apiVersion}/${plural}`,
    plural,
    namespace,
    name,
    subresource,
  };
}

/** Whether an object is in the collection that was asked for: namespace, field and label selector. */
export function selects(request: SeenRequest, { object }: FakeRecord): boolean {
  return (
    (request.namespace === '' || object.metadata.namespace === request.namespace) &&
    matches(request.query['fieldSelector'] ?? '', (path) => fieldAt(object, path)) &&
    matches(request.query['labelSelector'] ?? '', (label) => object.metadata.labels?.[label])
  );
}

function matches(selector: string, valueOf: (name: string) => string | undefined): boolean {
  return selector
    .split(',')
    .filter((part) => part !== '')
    .every((part) => {
      const [, name = '', operator = '', wanted = ''] = /^([^!=]+)(!=|==?)?(.*)$/u.exec(part) ?? [];
      const value = valueOf(name);
      if (operator === '') {
        return value !== undefined;
      }
      return (value === wanted) === (operator !== '!=');
    });
}

function fieldAt(object: FakeObject, path: string): string | undefined {
  let value: unknown = object;
  for (const part of path.split('.')) {
    value =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  }
  return typeof value === 'string' ? value : undefined;
}

/**
 * The form in which objects are wanted: of the first clause that is known, as with the real one. Null where the server
 * answers 406: it knows no clause, or the form does not fit the request.
 */
export function representationOf(request: SeenRequest): 'whole' | 'metadata' | null {
  const fitting = request.verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  for (const clause of String(request.headers['accept'] ?? '*/*').split(',')) {
    const [type = '', ...parameters] = clause.replaceAll(' ', '').split(';');
    const { as, g, v } = Object.fromEntries(parameters.map((one) => one.split('=') as [string, string]));
    if (!['application/json', 'application/*', '*/*'].includes(type)) {
      continue;
    }
    if (as === undefined) {
      return 'whole';
    }
    if (as.startsWith('PartialObjectMetadata') && g === 'meta.k8s.io' && (v === 'v1' || v === 'v1beta1')) {
      return as === fitting ? 'metadata' : null;
    }
  }
  return null;
}

/** An object as JSON in the wanted form. */
export function represent(record: Pick<FakeRecord, 'json' | 'object'>, form: 'whole' | 'metadata'): string {
  return form === 'whole'
    ? record.json
    : JSON.stringify({
        kind: 'PartialObjectMetadata',
        apiVersion: 'meta.k8s.io/v1',
        metadata: record.object.metadata,
      });
}
