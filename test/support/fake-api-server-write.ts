import { randomBytes } from 'node:crypto';
import { collectionOf, keyOf, type FakeObject, type FakeObjects } from './fake-api-server-objects.ts';
import type { SeenRequest } from './fake-api-server-request.ts';

/** What a write comes to. */
export interface WriteAnswer {
  readonly code: number;
  /** The object after the write, or null where it was refused. */
  readonly object: FakeObject | null;
  readonly reason: string;
  readonly message: string;
}

/** Create, update, patch (merge patches only) and delete, with resourceVersion preconditions and the status subresource. */
export function writeObject(objects: FakeObjects, request: SeenRequest, body: unknown): WriteAnswer {
  const key = `${request.namespace}/${request.name}`;
  const before = objects.get(request.collection, key);
  if (request.verb === 'create') {
    return create(objects, request, body as FakeObject);
  }
  if (before === null) {
    return refusal(404, 'NotFound', `${request.plural} "${request.name}" not found`);
  }
  if (request.verb === 'delete') {
    objects.remove(request.collection, key);
    return { code: 200, object: before, reason: '', message: '' };
  }
  if (request.verb === 'patch' && !/merge-patch\+json/u.test(String(request.headers['content-type']))) {
    return refusal(415, 'UnsupportedMediaType', 'the fake API server knows merge patches only');
  }
  const change = body as FakeObject;
  const wanted = change.metadata?.resourceVersion;
  if (wanted !== undefined && wanted !== '' && wanted !== before.metadata.resourceVersion) {
    return refusal(
      409,
      'Conflict',
      `Operation cannot be fulfilled on ${request.plural} "${request.name}": the object has been modified; please apply your changes to the latest version and try again`,
    );
  }
  const merged = request.verb === 'patch' ? (mergePatch(before, change) as FakeObject) : change;
  const isStatus = request.subresource === 'status';
  const content = isStatus
    ? { ...before, status: merged['status'] }
    : { ...merged, ...('status' in before && { status: before['status'] }) };
  const metadata = isStatus ? before.metadata : merged.metadata;
  const next = {
    ...content,
    apiVersion: before.apiVersion,
    kind: before.kind,
    metadata: {
      ...metadata,
      name: before.metadata.name,
      ...(before.metadata.namespace !== undefined && { namespace: before.metadata.namespace }),
    },
  };
  // As in the real one, a write that changes nothing makes no new version.
  if (JSON.stringify(withoutVersion(next)) === JSON.stringify(withoutVersion(before))) {
    return { code: 200, object: before, reason: '', message: '' };
  }
  return { code: 200, object: objects.put(next), reason: '', message: '' };
}

function create(objects: FakeObjects, request: SeenRequest, draft: FakeObject): WriteAnswer {
  const prefix = draft.metadata['generateName'];
  const name =
    draft.metadata.name ?? (typeof prefix === 'string' ? prefix + randomBytes(3).toString('hex') : '');
  const object: FakeObject = {
    ...draft,
    metadata: { ...draft.metadata, name, ...(request.namespace !== '' && { namespace: request.namespace }) },
  };
  if (name === '' || collectionOf(object) !== request.collection) {
    return refusal(400, 'BadRequest', `no ${request.plural} with a name`);
  }
  if (objects.get(request.collection, keyOf(object)) !== null) {
    return refusal(409, 'AlreadyExists', `${request.plural} "${name}" already exists`);
  }
  return { code: 201, object: objects.put(object), reason: '', message: '' };
}

function refusal(code: number, reason: string, message: string): WriteAnswer {
  return { code, object: null, reason, message };
}

function withoutVersion(object: FakeObject): FakeObject {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** RFC 7396. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    return patch;
  }
  const isMapping = typeof target === 'object' && target !== null && !Array.isArray(target);
  const merged: Record<string, unknown> = isMapping ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) {
      delete merged[name];
    } else {
      merged[name] = mergePatch(merged[name], value);
    }
  }
  return merged;
}
