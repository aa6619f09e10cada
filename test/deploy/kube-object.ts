import { load, loadAll } from 'js-yaml';
import { kubernetesSchema } from '../../src/cluster/manifests/yaml-schema.ts';

/** A Kubernetes object as its file has it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** Reads YAML documents as Kubernetes does; empty ones are left out. */
export function parseObjects(text: string): KubeObject[] {
  return (loadAll(text, { schema: kubernetesSchema }) as (KubeObject | null)[]).filter(
    (object) => object !== null,
  );
}

export function parseYaml(text: string): unknown {
  return load(text, { schema: kubernetesSchema });
}

/** For example `Service cloud-native-gateway`. */
export function titleOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name}`;
}

/** @throws Error where there is not exactly one */
export function only(objects: readonly KubeObject[], kind: string, name?: string): KubeObject {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  if (found.length !== 1 || found[0] === undefined) {
    throw new Error(`${found.length} of ${kind} ${name ?? ''} among ${objects.map(titleOf).join(', ')}`);
  }
  return found[0];
}

/** The value at a path of keys and indexes, undefined where the path ends early. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) {
      return undefined;
    }
    current = (current as Readonly<Record<string | number, unknown>>)[key];
  }
  return current;
}

/** The list at a path; empty where there is none. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}
