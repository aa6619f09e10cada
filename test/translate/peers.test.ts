import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterObject, EndpointPort, ServicePort } from '../../src/cluster/objects.ts';
import type { Translation } from '../../src/translate/translate.ts';
import {
  endpoint,
  endpointPort,
  endpoints,
  ingress,
  peersOf,
  port,
  routesOf,
  run,
  service,
  slice,
  verdictOf,
  type RunOptions,
} from './world.ts';

const host = 'a.example.com';

function route(to: string, objects: readonly ClusterObject[], options: RunOptions = {}): Translation {
  return run([...objects, ingress('i', { rules: { [host]: [`Prefix / ${to}`] } })], options);
}

function soleRoute(result: Translation): string {
  const [only] = routesOf(result, host);
  return only ?? '';
}

describe('endpoints', () => {
  const cases: readonly {
    of: string;
    port?: Partial<ServicePort>;
    ports: readonly EndpointPort[];
    peers: readonly string[];
  }[] = [
    { of: 'an unnamed port', ports: [endpointPort(8080)], peers: ['10.0.0.1:8080'] },
    {
      of: 'an unnamed port where the slice has a name',
      ports: [endpointPort(8080, 'x')],
      peers: ['10.0.0.1:8080'],
    },
    {
      of: 'a named port',
      port: { name: 'b' },
      ports: [endpointPort(1001, 'a'), endpointPort(1002, 'b')],
      peers: ['10.0.0.1:1002'],
    },
    {
      of: 'a name that no slice has, by targetPort',
      port: { name: 'z', targetPort: 7000 },
      ports: [endpointPort(1001, 'a')],
      peers: ['10.0.0.1:7000'],
    },
    {
      of: 'a name that no slice has, with a named targetPort',
      port: { name: 'z', targetPort: 'q' },
      ports: [endpointPort(1001, 'a')],
      peers: [],
    },
    {
      of: 'a slice without ports, by targetPort',
      port: { targetPort: 7000 },
      ports: [],
      peers: ['10.0.0.1:7000'],
    },
    { of: 'a port without targetPort', port: { targetPort: null }, ports: [], peers: ['10.0.0.1:80'] },
    {
      of: 'a slice port without number, by targetPort',
      port: { targetPort: 7000 },
      ports: [endpointPort(null)],
      peers: ['10.0.0.1:7000'],
    },
    { of: 'another protocol', ports: [endpointPort(8080, '', 'UDP')], peers: [] },
  ];
  for (const { of, port: more = {}, ports, peers } of cases) {
    it(`finds the number of ${of}`, () => {
      const result = route('s:80', [
        service('s', { ports: [port(80, more)] }),
        slice('s', ['10.0.0.1'], { ports }),
      ]);

      assert.deepEqual(peersOf(result, 'default_s_80'), peers);
    });
  }

  it('takes all slices and both families, sorted and each once, unless explicitly not ready', () => {
    const result = route('s:80', [
      service('s'),
      slice('s', ['10.0.0.2', '10.0.0.1', endpoint('10.0.0.3', { ready: false })]),
      slice('s', [endpoint('10.0.0.1', { ready: null }), endpoint('10.0.0.4', { terminating: true })], {
        name: 'by-hand',
      }),
      slice('s', ['fd00::A'], { name: 's-6', addressType: 'IPv6' }),
    ]);

    assert.deepEqual(peersOf(result, 'default_s_80'), [
      '10.0.0.1:8080',
      '10.0.0.2:8080',
      '10.0.0.4:8080',
      '[fd00::a]:8080',
    ]);
    assert.deepEqual(verdictOf(result, 'Ingress/default/i').reasons, []);
  });

  it('takes Endpoints only where there is no slice', () => {
    const classic = endpoints('s', [{ addresses: ['10.0.0.9'], ports: [endpointPort(8080)] }]);
    const without = route('s:80', [service('s'), classic]);
    const beside = route('s:80', [service('s'), classic, slice('s', ['10.0.0.1'])]);

    assert.deepEqual(peersOf(without, 'default_s_80'), ['10.0.0.9:8080']);
    assert.deepEqual(peersOf(beside, 'default_s_80'), ['10.0.0.1:8080']);
  });

  it('answers 503 where none is ready, and tells Service and Ingress', () => {
    const result = route('s:80', [service('s'), slice('s', [endpoint('10.0.0.1', { ready: false })])]);

    assert.equal(soleRoute(result), '/ -> 503');
    assert.deepEqual(result.model.upstreams, []);
    assert.match(
      verdictOf(result, 'Ingress/default/i').reasons.join(),
      /backend\.service: port 80 of Service\/default\/s has no ready endpoint/u,
    );
    assert.deepEqual(verdictOf(result, 'Service/default/s'), {
      state: 'served-with-difference',
      reasons: [
        'spec.ports[0]: has no ready endpoint: start its pods, or correct its selector, targetPort or readiness',
      ],
    });
  });

  it('leaves out an address that is none and tells its slice', () => {
    const result = route('s:80', [service('s'), slice('s', ['10.0.0.1', 'pod.example.com', '10.0.0.1; }'])]);

    assert.deepEqual(peersOf(result, 'default_s_80'), ['10.0.0.1:8080']);
    assert.deepEqual(verdictOf(result, 'EndpointSlice/default/s-1'), {
      state: 'served-with-difference',
      reasons: [
        'endpoints[1].addresses: "pod.example.com" is not an IP address; the endpoint is left out',
        'endpoints[2].addresses: "10.0.0.1; }" is not an IP address; the endpoint is left out',
      ],
    });
  });
});

describe('endpoints that would open the gateway itself', () => {
  const never = [
    '0.0.0.0',
    '0.1.2.3',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    'ff02::1',
    'fd00:ec2::254',
    '::ffff:169.254.169.254',
  ];
  const local = ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'];

  for (const ip of never) {
    it(`refuses ${ip} from every source`, () => {
      for (const source of ['api', 'manifests'] as const) {
        const result = route('s:80', [service('s'), slice('s', [ip, '10.0.0.1'])], {
          settings: { source, watchIngressWithoutClass: true },
        });
        assert.deepEqual(peersOf(result, 'default_s_80'), ['10.0.0.1:8080']);
        assert.equal(verdictOf(result, 'EndpointSlice/default/s-1').state, 'served-with-difference');
      }
    });
  }

  for (const ip of local) {
    it(`takes ${ip} from manifests alone, and never with a port of the gateway`, () => {
      function peerCount(source: 'api' | 'manifests', number: number): number {
        const slices = slice('s', [ip], { ports: [endpointPort(number)] });
        const settings = { source, watchIngressWithoutClass: true };
        return peersOf(route('s:80', [service('s'), slices], { settings }), 'default_s_80').length;
      }

      assert.equal(peerCount('manifests', 7000), 1);
      assert.equal(peerCount('api', 7000), 0);
      for (const own of [8000, 8443, 8081, 9090]) {
        assert.equal(peerCount('manifests', own), 0, `port ${own}`);
      }
    });
  }
});
