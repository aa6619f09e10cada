import { isDeepStrictEqual } from 'node:util';
import { at, type KubeObject, listAt, only, titleOf } from './kube-object.ts';

const namespaced = new Set([
  'ConfigMap',
  'Deployment',
  'NetworkPolicy',
  'PodDisruptionBudget',
  'Role',
  'RoleBinding',
  'Service',
  'ServiceAccount',
]);

/**
 * What no schema sees: selectors that select nothing, ports, volumes, roles and ConfigMaps that are named but not
 * there. `external` are names that somebody else makes. One line each.
 */
export function referenceProblems(
  objects: readonly KubeObject[],
  external: readonly string[] = [],
): string[] {
  const deployment = only(objects, 'Deployment');
  const pod = at(deployment, 'spec', 'template');
  return [
    ...selectorProblems(objects, at(pod, 'metadata', 'labels')),
    ...portProblems(objects, pod),
    ...containerProblems(pod),
    ...nameProblems(objects, pod, external),
    ...objects
      .filter((object) => namespaced.has(object.kind))
      .filter(({ metadata }) => metadata.namespace !== deployment.metadata.namespace)
      .map((object) => `${titleOf(object)}: namespace ${object.metadata.namespace ?? 'none'}`),
  ];
}

function selectorProblems(objects: readonly KubeObject[], labels: unknown): string[] {
  const places: readonly (readonly [string, readonly string[]])[] = [
    ['Deployment', ['spec', 'selector', 'matchLabels']],
    ['Service', ['spec', 'selector']],
    ['PodDisruptionBudget', ['spec', 'selector', 'matchLabels']],
    ['NetworkPolicy', ['spec', 'podSelector', 'matchLabels']],
  ];
  return places.flatMap(([kind, path]) =>
    objects
      .filter((object) => object.kind === kind)
      .filter((object) => {
        const selector = Object.entries(at(object, ...path) ?? {});
        return selector.length === 0 || selector.some(([key, wanted]) => at(labels, key) !== wanted);
      })
      .map((object) => `${titleOf(object)}: its selector does not select the pods`),
  );
}

function portProblems(objects: readonly KubeObject[], pod: unknown): string[] {
  const containers = listAt(pod, 'spec', 'containers');
  const ports = containers.flatMap((container) => listAt(container, 'ports'));
  const names = ports.map((port) => at(port, 'name'));
  const numbers = ports.map((port) => at(port, 'containerPort'));
  const problems = [names, numbers]
    .filter((values) => new Set(values).size !== values.length)
    .map((values) => `pod: ports ${values.join(', ')} are not unique`);
  const wanted = objects.flatMap((object) => [
    ...(object.kind === 'Service'
      ? listAt(object, 'spec', 'ports').map((port) => [titleOf(object), at(port, 'targetPort')])
      : []),
    ...(object.kind === 'NetworkPolicy'
      ? listAt(object, 'spec', 'ingress').flatMap((rule) =>
          listAt(rule, 'ports').map((port) => [titleOf(object), at(port, 'port')]),
        )
      : []),
  ]);
  const probed = containers.flatMap((container) =>
    ['startupProbe', 'livenessProbe', 'readinessProbe']
      .map((probe) => at(container, probe, 'httpGet', 'port'))
      .filter((port) => port !== undefined)
      .filter((port) => !listAt(container, 'ports').some((own) => at(own, 'name') === port))
      .map((port) => `container ${String(at(container, 'name'))}: a probe asks port ${JSON.stringify(port)}`),
  );
  const missing = wanted
    .filter(([, port]) => typeof port === 'string' && !names.includes(port))
    .map(([title, port]) => `${String(title)}: no container has port ${String(port)}`);
  return [...problems, ...missing, ...probed];
}

function containerProblems(pod: unknown): string[] {
  const volumes = listAt(pod, 'spec', 'volumes').map((volume) => at(volume, 'name'));
  const containers = listAt(pod, 'spec', 'containers');
  const used = new Set(
    containers.flatMap((container) => listAt(container, 'volumeMounts').map((mount) => at(mount, 'name'))),
  );
  return [
    ...[...used].filter((name) => !volumes.includes(name)).map((name) => `pod: no volume ${String(name)}`),
    ...volumes.filter((name) => !used.has(name)).map((name) => `pod: nobody mounts ${String(name)}`),
    ...containers.flatMap((container) => {
      const variables = listAt(container, 'env').map((variable) => at(variable, 'name'));
      const paths = listAt(container, 'volumeMounts').map((mount) => at(mount, 'mountPath'));
      return [variables, paths]
        .filter((values) => new Set(values).size !== values.length)
        .map((values) => `container ${String(at(container, 'name'))}: ${values.join(', ')} are not unique`);
    }),
  ];
}

function nameProblems(objects: readonly KubeObject[], pod: unknown, external: readonly string[]): string[] {
  const there = new Set(objects.map(titleOf));
  const account = at(pod, 'spec', 'serviceAccountName');
  const namespace = only(objects, 'Deployment').metadata.namespace;
  const named = [
    `ServiceAccount ${String(account)}`,
    ...listAt(pod, 'spec', 'volumes')
      .filter((volume) => at(volume, 'configMap') !== undefined)
      .filter((volume) => at(volume, 'configMap', 'optional') !== true)
      .map((volume) => `ConfigMap ${String(at(volume, 'configMap', 'name'))}`),
    ...objects
      .filter(({ kind }) => kind.endsWith('RoleBinding'))
      .map(
        (binding) => `${String(at(binding, 'roleRef', 'kind'))} ${String(at(binding, 'roleRef', 'name'))}`,
      ),
  ];
  const subjects = objects
    .filter(({ kind }) => kind.endsWith('RoleBinding'))
    .filter(
      (binding) =>
        !isDeepStrictEqual(listAt(binding, 'subjects'), [
          { kind: 'ServiceAccount', name: account, namespace },
        ]),
    );
  return [
    ...named
      .filter((title) => !there.has(title) && !external.includes(title))
      .map((title) => `${title} is named but not there`),
    ...subjects.map((binding) => `${titleOf(binding)}: binds somebody else than the pods' account`),
  ];
}
