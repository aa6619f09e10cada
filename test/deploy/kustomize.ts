import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KubeObject, parseObjects, parseYaml } from './kube-object.ts';

interface Kustomization {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly labels: readonly { readonly pairs: Readonly<Record<string, string>> }[];
  readonly resources: readonly string[];
  readonly images?: readonly { readonly name: string; readonly newTag: string }[];
}

const understood = ['apiVersion', 'kind', 'namespace', 'labels', 'resources', 'images'];
const clusterScoped = new Set(['Namespace', 'ClusterRole', 'ClusterRoleBinding', 'IngressClass']);

/**
 * What `kubectl kustomize` makes of a folder, for machines without kubectl. Only what deploy/kubernetes uses is
 * understood; test/deploy/kustomization.test.ts compares the two where kubectl is there.
 * @throws Error at a field of the kustomization that is not understood
 */
export function kustomize(folder: string): KubeObject[] {
  const kustomization = parseYaml(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization;
  const unknown = Object.keys(kustomization).filter((field) => !understood.includes(field));
  const unknownOfLabels = kustomization.labels.flatMap((entry) =>
    Object.keys(entry).filter((field) => field !== 'pairs'),
  );
  if (unknown.length + unknownOfLabels.length > 0) {
    throw new Error(
      `kustomization.yaml has ${[...unknown, ...unknownOfLabels].join(', ')}: teach test/deploy/kustomize.ts`,
    );
  }
  const pairs = Object.assign({}, ...kustomization.labels.map((entry) => entry.pairs)) as Record<
    string,
    string
  >;
  return kustomization.resources
    .flatMap((file) => parseObjects(readFileSync(join(folder, file), 'utf8')))
    .map((object) => ({
      ...withImages(object, kustomization.images ?? []),
      metadata: {
        ...object.metadata,
        ...(clusterScoped.has(object.kind) ? {} : { namespace: kustomization.namespace }),
        labels: { ...object.metadata.labels, ...pairs },
      },
    }));
}

function withImages(object: KubeObject, images: NonNullable<Kustomization['images']>): KubeObject {
  const tags = new Map(images.map(({ name, newTag }) => [name, newTag]));
  return JSON.parse(JSON.stringify(object), (key: string, value: unknown) => {
    const tag = key === 'image' && typeof value === 'string' ? tags.get(value) : undefined;
    return tag === undefined ? value : `${String(value)}:${tag}`;
  }) as KubeObject;
}
