import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readFlags } from '../../src/audit/flags.ts';
import { ingressNginxFlags } from '../../src/config/ingress-nginx-flags.ts';

function judged(
  flag: string,
  value: string,
): { readonly outcome: string; readonly message: string } | undefined {
  return readFlags(new Map([[flag, value]])).verdicts[0];
}

describe('flags of ingress-nginx', () => {
  it('give the settings with which the gateway stands in its place', () => {
    const none = readFlags(new Map()).config.kubernetes;
    assert.equal(none.controllerClass, 'k8s.io/ingress-nginx');
    assert.equal(none.ingressClass, 'nginx');
    const { kubernetes } = readFlags(
      new Map([
        ['controller-class', 'example.com/edge'],
        ['ingress-class', 'edge'],
        ['annotations-prefix', 'edge.example.com'],
        ['watch-ingress-without-class', 'T'],
        ['watch-namespace-selector', 'team in (a, b)'],
        ['configmap', 'ns/options'],
      ]),
    ).config;
    assert.equal(kubernetes.controllerClass, 'example.com/edge');
    assert.equal(kubernetes.ingressClass, 'edge');
    assert.equal(kubernetes.annotationsPrefix, 'edge.example.com');
    assert.equal(kubernetes.watchIngressWithoutClass, true);
    assert.equal(kubernetes.watchNamespaceSelector.requirements.length, 1);
    assert.equal(kubernetes.configMap, 'ns/options');
  });

  it('have a verdict and something to do, each of them', () => {
    for (const flag of Object.keys(ingressNginxFlags)) {
      for (const value of ['true', '1', '']) {
        const verdict = judged(flag, value);
        assert.ok(verdict !== undefined && verdict.message !== '', flag);
        assert.notEqual(verdict.outcome, 'unclear', flag);
      }
    }
  });

  it('tell what changes nothing from what does', () => {
    assert.equal(judged('sync-rate-limit', '1')?.outcome, 'same');
    assert.equal(judged('validating-webhook', ':8443')?.outcome, 'same');
    assert.equal(judged('stderrthreshold', '2')?.outcome, 'same');
    assert.equal(judged('enable-ssl-chain-completion', 'false')?.outcome, 'same');
    assert.equal(judged('enable-ssl-chain-completion', 'true')?.outcome, 'difference');
    assert.equal(judged('maxmind-license-key', 'x')?.outcome, 'difference');
    assert.equal(judged('no-such-flag', '1')?.outcome, 'unclear');
  });

  it('that give traffic a port of the gateway move what listens there', () => {
    const { config, verdicts } = readFlags(
      new Map([
        ['http-port', '8080'],
        ['https-port', '9090'],
      ]),
    );

    assert.equal(config.nginx.httpPort, 8080);
    assert.equal(config.nginx.httpsPort, 9090);
    assert.equal(config.server.addr.port, 10254);
    assert.deepEqual(
      verdicts.map(({ outcome, message }) => [outcome, message.split('; ').at(-1)]),
      [
        ['same', 'set server.addr to another port, for example :10254'],
        ['same', 'set metrics.addr to another port, for example :10255'],
      ],
    );
  });

  it('that have a value the gateway refuses are told, and the others still count', () => {
    const { config, verdicts } = readFlags(
      new Map([
        ['configmap', 'not a name'],
        ['ingress-class', 'edge'],
      ]),
    );
    assert.equal(config.kubernetes.configMap, '');
    assert.equal(config.kubernetes.ingressClass, 'edge');
    const bad = verdicts.find(({ flag }) => flag === '--configmap');
    assert.equal(bad?.outcome, 'not-served');
    assert.match(bad.message, /not a name/);
  });
});
