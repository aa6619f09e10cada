import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findControllers } from '../../src/audit/controllers.ts';

function deployment(container: object, kind = 'Deployment'): object {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'c', namespace: 'edge' },
    spec: { template: { spec: { containers: [container] } } },
  };
}

describe('controllers of ingress-nginx', () => {
  it('are known by their program or image; other controllers are not', () => {
    const images = [
      'registry.k8s.io/ingress-nginx/controller:v1.15.1@sha256:00',
      'registry.k8s.io/ingress-nginx/controller-chroot:v1.12.0',
      'mirror.example.com/ingress-nginx/controller',
      'quay.io/kubernetes-ingress-controller/nginx-ingress-controller:0.33.0',
    ];
    for (const image of images) {
      assert.equal(findControllers([deployment({ image })]).length, 1, image);
    }
    const others = [
      'nginx/nginx-ingress:5.0',
      'registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1',
      'nginx:1.30',
      'registry.k8s.io/defaultbackend-amd64:1.5',
    ];
    for (const image of others) {
      assert.deepEqual(findControllers([deployment({ image, args: ['--ingress-class=x'] })]), [], image);
    }
    const own = deployment({
      image: 'x',
      command: ['/usr/bin/dumb-init', '--', '/nginx-ingress-controller'],
    });
    assert.equal(findControllers([own, { kind: 'Deployment' }, null, 'x']).length, 1);
  });

  it('have flags in every form that Go reads, with variables of the container', () => {
    const container = {
      args: [
        '/nginx-ingress-controller',
        '--configmap=$(NS)/$(NAME)',
        '--ingress-class',
        'edge',
        '--watch-ingress-without-class',
        '--annotations-prefix=one',
        '--annotations-prefix=two',
        '-v=3',
        '--default-backend-service=$(NOT_THERE)/x',
        '--update-status=false',
      ],
      env: [
        { name: 'NS', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
        { name: 'NAME', value: 'options' },
      ],
    };
    const [found] = findControllers([deployment(container, 'DaemonSet')]);
    assert.equal(found?.workload, 'DaemonSet/edge/c');
    assert.deepEqual(Object.fromEntries(found?.flags ?? []), {
      configmap: 'edge/options',
      'ingress-class': 'edge',
      'watch-ingress-without-class': 'true',
      'annotations-prefix': 'two',
      v: '3',
      'default-backend-service': '$(NOT_THERE)/x',
      'update-status': 'false',
    });
  });
});
