import type { Kind, ObjectRef } from '../model/object-ref.ts';
import type { Finding } from '../model/verdict.ts';
import { readConfigMap, readSecret } from './ingest-data.ts';
import { readEndpoints, readEndpointSlice } from './ingest-endpoints.ts';
import { fieldOf, isMapping } from './ingest-fields.ts';
import type { Field } from './ingest-fields.ts';
import { readIngress, readIngressClass } from './ingest-ingress.ts';
import { readMeta, readName } from './ingest-meta.ts';
import { createReport, shown, type Report } from './ingest-report.ts';
import { readService } from './ingest-service.ts';
import { deepFreeze } from './object-shape.ts';
import type { ClusterObject, Meta } from './objects.ts';

/** Characters of keys and values together. The API server takes requests of 3 MiB, etcd keeps 1.5. */
export const maxObjectSize = 3 * 1024 * 1024;

export interface Ingested {
  /** Frozen; null where the object is refused or of a kind that is not read. */
  readonly object: ClusterObject | null;
  readonly findings: readonly Finding[];
  /** Safe to log and to use as a key even where the object's own name is not; null for kinds that are not read. */
  readonly ref: ObjectRef | null;
}

export interface IngestOptions {
  /**
   * Refuse fields that the API does not know (in metadata and in Ingresses), as `kubectl apply` does. For objects
   * people write; off for objects from an API server, which may be newer than this program.
   */
  readonly strict?: boolean;
}

interface KindRule {
  readonly apiVersion: string;
  /** API groups in which this kind once was; every other group has a kind of its own by that name. */
  readonly oldGroups: readonly string[];
  read(to: Report, root: Field, meta: Meta, strict: boolean): ClusterObject;
  /** Whether labels and annotations are kept. */
  readonly texts: boolean;
}

const rules: Readonly<Record<Kind, KindRule>> = {
  Ingress: {
    apiVersion: 'networking.k8s.io/v1',
    oldGroups: ['extensions', 'networking.k8s.io'],
    read: readIngress,
    texts: true,
  },
  IngressClass: {
    apiVersion: 'networking.k8s.io/v1',
    oldGroups: ['networking.k8s.io'],
    read: readIngressClass,
    texts: true,
  },
  Service: { apiVersion: 'v1', oldGroups: [''], read: readService, texts: true },
  EndpointSlice: {
    apiVersion: 'discovery.k8s.io/v1',
    oldGroups: ['discovery.k8s.io'],
    read: readEndpointSlice,
    texts: false,
  },
  Endpoints: { apiVersion: 'v1', oldGroups: [''], read: readEndpoints, texts: false },
  Secret: { apiVersion: 'v1', oldGroups: [''], read: readSecret, texts: true },
  ConfigMap: { apiVersion: 'v1', oldGroups: [''], read: readConfigMap, texts: true },
  Namespace: { apiVersion: 'v1', oldGroups: [''], read: readNamespace, texts: true },
};

const notRead: Ingested = { object: null, findings: [], ref: null };

/** The kinds that are read, with the API version each is read in. */
export function servedKinds(): { kind: Kind; apiVersion: string }[] {
  return (Object.keys(rules) as Kind[]).map((kind) => ({ kind, apiVersion: rules[kind].apiVersion }));
}

/**
 * Turns one parsed YAML or JSON object into its trimmed form. Any field may have any shape; nothing is thrown. Each
 * wrong field is a finding that names field, value (never of a Secret) and remedy.
 */
export function ingest(raw: unknown, options: IngestOptions = {}): Ingested {
  const root: Field = { value: raw, path: '' };
  const kind = ownText(root, 'kind');
  if (kind === null || !Object.hasOwn(rules, kind)) {
    return notRead;
  }
  const known = kind as Kind;
  const report = createReport(known === 'Secret');
  try {
    return readKind(report, root, known, options.strict ?? false);
  } catch (error) {
    // One object cannot stop the program: whatever slips through the readers is this object's fault alone.
    const ref = { kind: known, namespace: '', name: '_unreadable_' };
    report.reject(
      '',
      `cannot be read (${error instanceof Error ? error.name : 'error'}); report this as a bug`,
    );
    return { object: null, findings: report.findings(ref), ref };
  }
}

function readKind(report: Report, root: Field, kind: Kind, strict: boolean): Ingested {
  const rule = rules[kind];
  const foreign = checkApiVersion(report, root, kind, rule);
  if (foreign) {
    return notRead;
  }
  const metadata = fieldOf(root, 'metadata');
  const name = readName(report, kind, metadata);
  const ref: ObjectRef = { kind, ...name };
  if (exceedsSize(root.value, maxObjectSize)) {
    report.reject('', `is larger than ${maxObjectSize} bytes; spread it over several objects`);
  }
  if (report.isRejected()) {
    return { object: null, findings: report.findings(ref), ref };
  }
  const meta = readMeta(report, metadata, name, { strict, texts: rule.texts });
  const object = rule.read(report, root, meta, strict);
  return {
    object: report.isRejected() ? null : deepFreeze(object),
    findings: report.findings(ref),
    ref,
  };
}

/** True for an object of another API that only shares the kind's name. */
function checkApiVersion(report: Report, root: Field, kind: Kind, rule: KindRule): boolean {
  const field = fieldOf(root, 'apiVersion');
  const { value } = field;
  if (value === rule.apiVersion) {
    return false;
  }
  if (typeof value === 'string' && value !== '') {
    const group = value.includes('/') ? value.slice(0, value.indexOf('/')) : '';
    if (group !== '' && !rule.oldGroups.includes(group)) {
      return true;
    }
    const old = value.includes('beta') || value.includes('alpha');
    const remedy = old
      ? `rewrite the object in the form of ${rule.apiVersion}`
      : `write apiVersion: ${rule.apiVersion}`;
    report.reject(field.path, `is ${shown(value)}; a ${kind} is read as ${rule.apiVersion} only: ${remedy}`);
    return false;
  }
  report.reject(field.path, `is ${shown(value)}; write apiVersion: ${rule.apiVersion}`);
  return false;
}

function readNamespace(_to: Report, _root: Field, meta: Meta): ClusterObject {
  return { kind: 'Namespace', meta };
}

function ownText(root: Field, key: string): string | null {
  const { value } = fieldOf(root, key);
  return typeof value === 'string' ? value : null;
}

/**
 * Whether keys, texts and items together are more than `limit`. Counts while it walks and stops there, so that
 * aliases that multiply (or contain themselves) cost no more than an object of that size.
 */
export function exceedsSize(raw: unknown, limit: number): boolean {
  const open: unknown[] = [raw];
  let size = 1;
  while (open.length > 0 && size <= limit) {
    const value = open.pop();
    if (typeof value === 'string') {
      size += value.length;
    } else if (Array.isArray(value)) {
      size += value.length;
      if (size <= limit) {
        for (const item of value as unknown[]) {
          open.push(item);
        }
      }
    } else if (isMapping(value)) {
      for (const key of Object.keys(value)) {
        size += key.length + 1;
        open.push(value[key]);
      }
    }
  }
  return size > limit;
}
