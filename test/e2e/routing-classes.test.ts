import assert from 'node:assert/strict';
import { startBackend } from '../support/backend.ts';
import { applied, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { ingress, serviceOn } from '../support/objects.ts';

interface ClassOptions {
  /** Null: the field is absent. */
  readonly className: string | null;
  /** The value of the old annotation. */
  readonly annotation?: string;
  readonly namespace?: string;
}

/** An Ingress `name` for the host `name.test`. */
function classed(name: string, { className, annotation, namespace = 'default' }: ClassOptions): object {
  const made = ingress(name, {
    namespace,
    host: `${name}.test`,
    paths: [{ service: 'app' }],
    ...(annotation !== undefined && { annotations: { 'kubernetes.io/ingress.class': annotation } }),
  }) as { readonly spec: object };
  const { ingressClassName: _removed, ...rest } = made.spec as { readonly ingressClassName: string };
  return {
    ...made,
    spec: className === null ? rest : { ...rest, ingressClassName: className },
  };
}

function ingressClass(name: string, controller: string): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name },
    spec: { controller },
  };
}

function namespaceWith(name: string, labels: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

async function statusesOf(
  gateway: RunningGateway,
  names: readonly string[],
): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  for (const name of names) {
    statuses[name] = (await gateway.get(`${name}.test`)).status;
  }
  return statuses;
}

async function ignored(gateway: RunningGateway): Promise<Record<string, string>> {
  const verdicts = (await gateway.debug('/debug/objects?kind=Ingress&state=ignored')) as {
    name: string;
    reasons: { field: string }[];
  }[];
  return Object.fromEntries(verdicts.map(({ name, reasons }) => [name, reasons[0]?.field ?? '']));
}

onEveryNginx('classes of Ingresses', async (t, nginx) => {
  const backend = await startBackend(t, 'app');
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'services.json': serviceOn('app', [backend.port]),
      'classes.json': [
        ingressClass('ours', 'cloud-native-gateway/nginx'),
        ingressClass('foreign', 'example.com/other'),
      ],
      'ingresses.json': [
        classed('none', { className: null }),
        classed('by-name', { className: 'nginx' }),
        classed('by-controller', { className: 'ours' }),
        classed('by-annotation', { className: null, annotation: 'nginx' }),
        classed('both-ours', { className: 'nginx', annotation: 'other' }),
        classed('foreign', { className: 'foreign' }),
        classed('unknown', { className: 'unknown' }),
        classed('empty-name', { className: '' }),
        classed('other-annotation', { className: null, annotation: 'other' }),
        classed('empty-annotation', { className: null, annotation: '' }),
        classed('both-foreign', { className: 'foreign', annotation: 'nginx' }),
      ],
    },
  });

  await t.test('the field decides, then the annotation; without either manifests are served', async () => {
    assert.deepEqual(
      await statusesOf(gateway, ['none', 'by-name', 'by-controller', 'by-annotation', 'both-ours']),
      { none: 200, 'by-name': 200, 'by-controller': 200, 'by-annotation': 200, 'both-ours': 200 },
    );
  });

  await t.test('Ingresses of others are ignored, and the field that says so is named', async () => {
    const names = [
      'foreign',
      'unknown',
      'empty-name',
      'other-annotation',
      'empty-annotation',
      'both-foreign',
    ];
    assert.deepEqual(await statusesOf(gateway, names), Object.fromEntries(names.map((name) => [name, 404])));
    const annotation = 'metadata.annotations["kubernetes.io/ingress.class"]';
    assert.deepEqual(await ignored(gateway), {
      'both-foreign': 'spec.ingressClassName',
      'empty-annotation': annotation,
      'empty-name': 'spec.ingressClassName',
      foreign: 'spec.ingressClassName',
      'other-annotation': annotation,
      unknown: 'spec.ingressClassName',
    });
  });

  await t.test('a class that comes, or changes hands, is followed without touching the Ingress', async () => {
    await applied(gateway, async () => {
      await gateway.write('classes.json', [
        ingressClass('ours', 'example.com/other'),
        ingressClass('foreign', 'example.com/other'),
        ingressClass('unknown', 'cloud-native-gateway/nginx'),
      ]);
    });
    assert.deepEqual(await statusesOf(gateway, ['unknown', 'by-controller', 'by-name']), {
      unknown: 200,
      'by-controller': 404,
      'by-name': 200,
    });
  });
});

onEveryNginx('classes and namespaces by the config file', async (t, nginx) => {
  const backend = await startBackend(t, 'app');
  const namespaces = ['watched', 'unwatched', 'default'];
  const gateway = await startGateway(t, {
    nginx,
    config: {
      kubernetes: {
        ingress_class: 'edge',
        controller_class: 'example.com/edge',
        ingress_class_by_name: true,
        watch_namespace_selector: 'gateway=yes',
        disable_catch_all: true,
      },
    },
    manifests: {
      'services.json': namespaces.flatMap((namespace) => serviceOn('app', [backend.port], namespace)),
      'cluster.json': [
        namespaceWith('watched', { gateway: 'yes' }),
        namespaceWith('unwatched', { gateway: 'no' }),
        // Its controller is not ours: its name is what counts.
        ingressClass('edge', 'example.com/other'),
        ingressClass('second', 'example.com/edge'),
        ingressClass('nginx', 'cloud-native-gateway/nginx'),
      ],
      'ingresses.json': [
        classed('by-name', { className: 'edge', namespace: 'watched' }),
        classed('by-controller', { className: 'second', namespace: 'watched' }),
        classed('by-annotation', { className: null, annotation: 'edge', namespace: 'watched' }),
        classed('default-class', { className: 'nginx', namespace: 'watched' }),
        classed('default-annotation', { className: null, annotation: 'nginx', namespace: 'watched' }),
        classed('elsewhere', { className: 'edge', namespace: 'unwatched' }),
        classed('no-namespace-object', { className: 'edge' }),
        ingress('catch-all', {
          namespace: 'watched',
          className: 'edge',
          host: 'catch-all.test',
          paths: [{ service: 'app' }],
          defaultBackend: { service: 'app' },
        }),
      ],
    },
  });

  await t.test('class, controller, namespaces and catch-all Ingresses are as configured', async () => {
    assert.deepEqual(await statusesOf(gateway, ['by-name', 'by-controller', 'by-annotation']), {
      'by-name': 200,
      'by-controller': 200,
      'by-annotation': 200,
    });
    const ignoredNames = Object.keys(await ignored(gateway));
    assert.deepEqual(ignoredNames.sort(), [
      'catch-all',
      'default-annotation',
      'default-class',
      'elsewhere',
      'no-namespace-object',
    ]);
    for (const [name, status] of Object.entries(await statusesOf(gateway, ignoredNames))) {
      assert.equal(status, 404, name);
    }
  });

  await t.test('a namespace that gets the label is served', async () => {
    await applied(gateway, async () => {
      await gateway.write('more.json', namespaceWith('default', { gateway: 'yes' }));
    });
    assert.deepEqual(await statusesOf(gateway, ['no-namespace-object', 'elsewhere']), {
      'no-namespace-object': 200,
      elsewhere: 404,
    });
  });
});
