import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterObject, ServicePort } from '../../src/cluster/objects.ts';
import type { Translation } from '../../src/translate/translate.ts';
import { upstreamName } from '../../src/translate/backends.ts';
import {
  app,
  endpointPort,
  ingress,
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

describe('ports of Services', () => {
  const ports = [
    port(80, { name: 'http', targetPort: 8080 }),
    port(81, { name: 'admin', targetPort: 'web' }),
    port(53, { name: 'dns', protocol: 'UDP' }),
  ];
  const cases: readonly { by: string; to: string; gives: string }[] = [
    { by: 'its number', to: 's:80', gives: '/ -> http://default_s_80' },
    { by: 'its name', to: 's:http', gives: '/ -> http://default_s_80' },
    { by: 'its targetPort', to: 's:8080', gives: '/ -> http://default_s_80' },
    { by: 'the name of its targetPort', to: 's:web', gives: '/ -> http://default_s_81' },
    { by: 'nothing it has', to: 's:9999', gives: '/ -> 503' },
    { by: 'nothing', to: 's', gives: '/ -> 503' },
    { by: 'the number of a UDP port', to: 's:53', gives: '/ -> 503' },
  ];
  for (const { by, to, gives } of cases) {
    it(`finds a port by ${by}`, () => {
      const slices = slice('s', ['10.0.0.1'], {
        ports: [endpointPort(8080, 'http'), endpointPort(8081, 'admin')],
      });

      assert.equal(soleRoute(route(to, [service('s', { ports }), slices])), gives);
    });
  }

  it('names field, ports and remedy where there is no such port', () => {
    const result = route('s:9999', [service('s', { ports })]);

    assert.deepEqual(verdictOf(result, 'Ingress/default/i'), {
      state: 'served-with-difference',
      reasons: [
        'spec.rules[0].http.paths[0].backend.service.port: port 9999 of Service/default/s is not among its ports ' +
          '(80 "http", 81 "admin", 53 "dns"): name one of its TCP ports; until then the answer is 503',
      ],
    });
  });

  it('takes the first port that fits, as ingress-nginx does, and tells where that is not the one of the number', () => {
    const odd = [port(8080, { name: 'x', targetPort: 80 }), port(80, { name: 'y', targetPort: 8081 })];
    const slices = slice('s', ['10.0.0.1'], { ports: [endpointPort(80, 'x'), endpointPort(8081, 'y')] });

    const result = route('s:80', [service('s', { ports: odd }), slices]);

    assert.equal(soleRoute(result), '/ -> http://default_s_8080');
    assert.match(
      verdictOf(result, 'Ingress/default/i').reasons.join(),
      /taken as the targetPort of its port 8080/u,
    );
  });

  it('shares one upstream between all references to a port', () => {
    const rules = { [host]: ['Prefix /a s:80', 'Prefix /b s:http'], 'b.example.com': ['Prefix / s:8080'] };
    const result = run([service('s', { ports }), slice('s', ['10.0.0.1']), ingress('i', { rules })]);

    assert.deepEqual(
      result.model.upstreams.map(({ name }) => name.text),
      ['default_s_80'],
    );
    assert.deepEqual(result.names.get('default_s_80'), ['Service/default/s', 'Ingress/default/i']);
  });
});

describe('ExternalName', () => {
  function external(more: Parameters<typeof service>[1] = {}): ClusterObject {
    return service('s', { type: 'ExternalName', externalName: 'Api.example.net.', ports: [], ...more });
  }
  const cases: readonly { of: string; to: string; ports: readonly ServicePort[]; gives: string }[] = [
    {
      of: 'a number that the Service does not have',
      to: 's:443',
      ports: [],
      gives: '/ -> http://api.example.net:443',
    },
    {
      of: 'a number with a targetPort',
      to: 's:80',
      ports: [port(80, { targetPort: 8080 })],
      gives: '/ -> http://api.example.net:8080',
    },
    {
      of: 'a name',
      to: 's:web',
      ports: [port(80, { name: 'web', targetPort: null })],
      gives: '/ -> http://api.example.net:80',
    },
    {
      of: 'a name with a named targetPort',
      to: 's:web',
      ports: [port(80, { name: 'web', targetPort: 'x' })],
      gives: '/ -> http://api.example.net:80',
    },
    { of: 'a name that the Service does not have', to: 's:web', ports: [], gives: '/ -> 503' },
    { of: 'a number that is no port', to: 's:70000', ports: [], gives: '/ -> 503' },
  ];
  for (const { of, to, ports, gives } of cases) {
    it(`is looked up while nginx runs, with the port of ${of}`, () => {
      const result = route(to, [external({ ports })]);

      assert.equal(soleRoute(result), gives);
      assert.deepEqual(result.model.upstreams, []);
    });
  }

  it('answers 503 where it is switched off, cannot be looked up, or is no name of another host', () => {
    const results: readonly [Translation, RegExp][] = [
      [route('s:80', [external()], { settings: { disableSvcExternalName: true } }), /switched off/u],
      [route('s:80', [external()], { settings: { resolvers: [] } }), /no name server/u],
      [
        route('s:80', [external()], { settings: { resolvers: ['nonsense', 'fe80::1%eth0'] } }),
        /no name server/u,
      ],
      [route('s:80', [external({ externalName: 'localhost' })]), /is this machine itself/u],
      [route('s:80', [external({ externalName: '10.0.0.1' })]), /is an IP address/u],
      [route('s:80', [external({ externalName: 'x.net; }' })]), /is not a DNS name/u],
    ];
    for (const [result, says] of results) {
      assert.equal(soleRoute(result), '/ -> 503');
      assert.match(verdictOf(result, 'Ingress/default/i').reasons.join(), says);
    }
  });
});

describe('missing and quarantined Services', () => {
  it('answer 503, and redirects go on', () => {
    const annotations = { 'force-ssl-redirect': 'true' };
    const result = run([ingress('i', { annotations, rules: { [host]: ['Prefix / none:80'] } })]);

    assert.equal(soleRoute(result), '/ -> 503');
    assert.deepEqual(
      result.model.servers[1]?.locations[0]?.additions.map(({ plugin }) => plugin),
      ['ssl-redirect'],
    );
    assert.match(
      verdictOf(result, 'Ingress/default/i').reasons.join(),
      /backend\.service\.name: there is no Service "default\/none": create it/u,
    );
  });

  it('are those of the own namespace alone', () => {
    assert.equal(soleRoute(route('a:80', app('a', 'other'))), '/ -> 503');
  });

  it('are told as quarantined', () => {
    const result = route('a:80', app('a'), { quarantine: { 'Service/default/a': 'broke nginx' } });

    assert.equal(soleRoute(result), '/ -> 503');
    assert.deepEqual(verdictOf(result, 'Service/default/a'), {
      state: 'quarantined',
      reasons: ['nginx: broke nginx'],
    });
    assert.match(
      verdictOf(result, 'Ingress/default/i').reasons.join(),
      /Service\/default\/a is quarantined: broke nginx/u,
    );
  });
});

describe('names of upstreams', () => {
  function nameOf(namespace: string, name: string): string {
    return upstreamName({ kind: 'Service', namespace, name }, 80).text;
  }

  it('are readable and never those of another Service', () => {
    assert.equal(nameOf('a-b', 'c'), 'a-b_c_80');
    assert.equal(nameOf('a', 'b-c'), 'a_b-c_80');
    const odd = [
      nameOf('a', 'b_c'),
      nameOf('a', 'b.c'),
      nameOf('a', 'b-c'),
      nameOf('a', 'c'.repeat(250)),
      nameOf('a', `${'c'.repeat(249)}d`),
    ];
    assert.equal(new Set(odd).size, odd.length);
    assert.ok(odd.every((name) => /^[\w-]{1,200}$/u.test(name)));
  });
});
