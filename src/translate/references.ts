import type { Snapshot } from '../cluster/snapshot.ts';
import type { LogTarget } from '../model/model.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { shown, type Parsed, type Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import type { FoundConfigMap, FoundSecret, ReferenceForm, References, Target } from '../plugins/context.ts';
import type { ArtifactFiles } from './artifact-files.ts';
import { isSound } from './backends.ts';
import type { VerdictCollector } from './verdicts.ts';

export interface ReferenceParts {
  readonly snapshot: Snapshot;
  readonly quarantine: ReadonlyMap<ObjectKey, Reason>;
  readonly verdicts: VerdictCollector;
  readonly files: ArtifactFiles;
  /** ingress-nginx's `allow-cross-namespace-resources`. */
  readonly crossNamespace: boolean;
  readonly target: (
    namespace: string,
    ...wanted: Parameters<References['target']>
  ) => ReturnType<References['target']>;
  /** Where the first port of a Service leads. */
  readonly service: (namespace: string, name: string) => Parsed<Target>;
  readonly defaultBackend: References['defaultBackend'];
  /** Ports that the gateway listens on. */
  readonly ownPorts: readonly number[];
  readonly trafficLog: Token<'file'> | null;
  readonly accessLogs: readonly LogTarget[];
}

/** What annotations of one object may name: objects of its own namespace, and files made from them. */
export function referencesOf(owner: ObjectRef, parts: ReferenceParts): References {
  const key = objectKey(owner);
  return {
    secret(text, form = 'any'): Parsed<FoundSecret> {
      const found = resolve('Secret', text, form, owner, parts);
      if ('error' in found) {
        return found;
      }
      const secret = parts.snapshot.secrets.get(`${found.ref.namespace}/${found.ref.name}`);
      return secret === undefined
        ? missing(found.ref)
        : { value: { key: objectKey(found.ref), data: secret.data } };
    },
    configMap(text, form = 'any'): Parsed<FoundConfigMap> {
      const found = resolve('ConfigMap', text, form, owner, parts);
      if ('error' in found) {
        return found;
      }
      const configMap = parts.snapshot.configMaps.get(`${found.ref.namespace}/${found.ref.name}`);
      return configMap === undefined
        ? missing(found.ref)
        : { value: { key: objectKey(found.ref), data: configMap.data } };
    },
    target: (...wanted) => parts.target(owner.namespace, ...wanted),
    service: (name) => parts.service(owner.namespace, name),
    defaultBackend: parts.defaultBackend,
    file: (artifact) => parts.files.addArtifact(artifact, key),
  };
}

function resolve(
  kind: 'Secret' | 'ConfigMap',
  text: string,
  form: ReferenceForm,
  owner: ObjectRef,
  { snapshot, quarantine, verdicts, crossNamespace }: ReferenceParts,
): { readonly ref: ObjectRef } | { readonly error: string } {
  const [first = '', second, ...rest] = text.trim().split('/');
  const namespace = second === undefined ? owner.namespace : first;
  const ref: ObjectRef = { kind, namespace, name: second ?? first };
  if (rest.length > 0 || ref.name === '' || namespace === '' || (form === 'full' && second === undefined)) {
    const wanted = form === 'full' ? 'namespace/name' : 'name or namespace/name';
    return { error: `${shown(text)} does not name a ${kind}: write ${wanted}` };
  }
  if (namespace !== owner.namespace && !crossNamespace) {
    return {
      error: `${shown(text)} is in another namespace than the Ingress: name a ${kind} of ${shown(owner.namespace)}`,
    };
  }
  const id = `${namespace}/${ref.name}`;
  const isThere = kind === 'Secret' ? snapshot.secrets.has(id) : snapshot.configMaps.has(id);
  if (!isThere || !isSound(ref)) {
    return missing(ref);
  }
  verdicts.use(ref);
  const quarantined = quarantine.get(objectKey(ref));
  if (quarantined !== undefined) {
    verdicts.addAll(ref, 'quarantined', [quarantined]);
    return { error: `${objectKey(ref)} is quarantined: ${quarantined.message}` };
  }
  return { ref };
}

function missing({ kind, namespace, name }: ObjectRef): { readonly error: string } {
  return { error: `there is no ${kind} ${shown(`${namespace}/${name}`)}: create it` };
}
