import { createHash } from 'node:crypto';
import type { Kind } from '../model/object-ref.ts';
import {
  emptyRecord,
  fieldOf,
  isAbsent,
  readMapping,
  readTextMap,
  refuseUnknown,
  wrong,
} from './ingest-fields.ts';
import type { Field } from './ingest-fields.ts';
import { shown, type Report } from './ingest-report.ts';
import type { Meta } from './objects.ts';

/** Annotations of one object together, keys and values, in UTF-8 bytes: the API server's own limit. */
const maxAnnotationBytes = 256 * 1024;

const clusterScoped: ReadonlySet<Kind> = new Set(['IngressClass', 'Namespace']);
const labelNamed: ReadonlySet<Kind> = new Set(['Service', 'Namespace']);

/** Bookkeeping that changes on its own or repeats the object; nothing here reads it. */
const droppedAnnotations: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'control-plane.alpha.kubernetes.io/leader',
  'endpoints.kubernetes.io/last-change-trigger-time',
  'deployment.kubernetes.io/revision',
]);

const metaFields: ReadonlySet<string> = new Set([
  'annotations',
  'clusterName',
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'finalizers',
  'generateName',
  'generation',
  'labels',
  'managedFields',
  'name',
  'namespace',
  'ownerReferences',
  'resourceVersion',
  'selfLink',
  'uid',
]);

const dnsLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** RFC 1123 label, as namespaces and Services are named. */
export function isDnsLabel(text: string): boolean {
  return dnsLabel.test(text);
}

/** RFC 1123 subdomain of at most 253 characters, as most objects are named. */
export function isDnsSubdomain(text: string): boolean {
  return (
    text.length <= 253 && text.split('.').every((label) => /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(label))
  );
}

export function isClusterScoped(kind: Kind): boolean {
  return clusterScoped.has(kind);
}

/**
 * A name that can be shown and used as a key for an object whose own name cannot. The underscores keep it apart
 * from every real name, the hash keeps two bad names apart.
 */
export function safeName(value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    return '_unnamed_';
  }
  const readable = value
    .slice(0, 40)
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-');
  const hash = createHash('sha256').update(value).digest('hex').slice(0, 8);
  return `_invalid_${readable}_${hash}`;
}

export interface ReadName {
  readonly namespace: string;
  readonly name: string;
}

/** Namespace and name, each replaced by a safe stand-in (and reported) where it is missing or not allowed. */
export function readName(to: Report, kind: Kind, metadata: Field): ReadName {
  const nameField = fieldOf(metadata, 'name');
  const raw = nameField.value;
  const valid = typeof raw === 'string' && (labelNamed.has(kind) ? isDnsLabel(raw) : isDnsSubdomain(raw));
  if (!valid) {
    reportName(to, metadata, nameField);
  }
  return { namespace: readNamespace(to, kind, metadata), name: valid ? raw : safeName(raw) };
}

function reportName(to: Report, metadata: Field, nameField: Field): void {
  if (!isAbsent(nameField)) {
    to.reject(
      nameField.path,
      `is ${shown(nameField.value)}; a name is made of lower-case letters, digits, "-" and ".", and starts and ends with a letter or digit`,
    );
  } else if (isAbsent(fieldOf(metadata, 'generateName'))) {
    to.reject(nameField.path, 'is missing; every object needs a name');
  } else {
    to.reject(nameField.path, 'is missing; generateName is completed by an API server only: write a name');
  }
}

function readNamespace(to: Report, kind: Kind, metadata: Field): string {
  if (isClusterScoped(kind)) {
    return '';
  }
  const field = fieldOf(metadata, 'namespace');
  if (isAbsent(field) || field.value === '') {
    return 'default';
  }
  if (typeof field.value === 'string' && isDnsLabel(field.value)) {
    return field.value;
  }
  to.reject(
    field.path,
    `is ${shown(field.value)}; a namespace is made of at most 63 lower-case letters, digits and "-"`,
  );
  return safeName(field.value);
}

export interface MetaOptions {
  readonly strict: boolean;
  /** False for kinds whose labels and annotations nothing reads: their changes would be noise. */
  readonly texts: boolean;
}

/** The metadata of an object whose name has been read. Problems are reported; the result is complete in any case. */
export function readMeta(to: Report, metadata: Field, name: ReadName, options: MetaOptions): Meta {
  if (readMapping(to, metadata, 'reject') === undefined) {
    to.reject('metadata', 'is missing; every object needs metadata with a name');
  }
  if (options.strict) {
    refuseUnknown(to, metadata, metaFields);
  }
  const texts = options.texts
    ? { labels: readLabels(to, metadata), annotations: readAnnotations(to, metadata) }
    : { labels: emptyRecord<string>(), annotations: emptyRecord<string>() };
  return {
    ...name,
    uid: plainText(fieldOf(metadata, 'uid')),
    resourceVersion: plainText(fieldOf(metadata, 'resourceVersion')),
    createdAt: readTime(to, fieldOf(metadata, 'creationTimestamp')),
    ...texts,
  };
}

/** Written by the API server; where a file has something else there, it does no harm and says nothing. */
function plainText(field: Field): string {
  return typeof field.value === 'string' ? field.value.slice(0, 256) : '';
}

function readTime(to: Report, field: Field): number | null {
  if (isAbsent(field)) {
    return null;
  }
  const text = field.value;
  const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;
  const time = typeof text === 'string' && rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    to.differ(
      field.path,
      `is ${shown(text)}; a time such as 2026-01-31T12:00:00Z is wanted (or none); the object counts as having no age`,
    );
    return null;
  }
  return time;
}

function readLabels(to: Report, metadata: Field): Record<string, string> {
  const labels = readTextMap(to, fieldOf(metadata, 'labels'), 'reject');
  return labels === undefined || labels === wrong ? emptyRecord() : labels;
}

function readAnnotations(to: Report, metadata: Field): Record<string, string> {
  const field = fieldOf(metadata, 'annotations');
  const all = readTextMap(to, field, 'reject');
  const kept = emptyRecord<string>();
  if (all === undefined || all === wrong) {
    return kept;
  }
  let bytes = 0;
  for (const [key, value] of Object.entries(all)) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    if (!droppedAnnotations.has(key)) {
      kept[key] = value;
    }
  }
  if (bytes > maxAnnotationBytes) {
    to.reject(
      field.path,
      `are ${bytes} bytes together; Kubernetes allows ${maxAnnotationBytes}: shorten them`,
    );
  }
  return kept;
}
