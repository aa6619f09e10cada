import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBackend } from '../support/backend.ts';
import { openCluster, ownAddress, serviceAt } from '../support/cluster-gateway.ts';
import { eventually } from '../support/gateway.ts';
import { http } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceObject, tlsSecret } from '../support/objects.ts';
import { freePort } from '../support/ports.ts';
import { findPrometheus, startPrometheus } from '../support/prometheus.ts';
import { makePair } from '../support/tls.ts';
import { ingressNginxQueries } from './monitoring-queries.ts';

const folder = path.resolve(import.meta.dirname, '../../deploy/monitoring');
const found = findPrometheus();

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
}

/** As Grafana does with all of everything chosen; its interval is four scrapes at least. */
function chosen(expression: string): string {
  return expression.replaceAll('$__rate_interval', '10s').replaceAll(/\$(?:job|namespace|ingress)\b/gu, '.*');
}

/** The series that rules ask for, without what they want of them. */
function metricsOf(rules: string): string[] {
  const names = rules.matchAll(/\b(?:cloud_native_gateway|http|nginx_ingress_controller)_[a-z_]+/gu);
  return [...new Set([...names].map(([name]) => name))];
}

test(
  'a real Prometheus scrapes the program: every query of the dashboard, the rules and ingress-nginx has an answer',
  {
    skip:
      ('missing' in found && found.missing) ||
      (ownAddress === null && 'NOT RUN: this machine has no address but loopback'),
  },
  async (t) => {
    assert.ok('prometheus' in found);
    const nginx = nginxBinaries().at(-1);
    assert.ok(nginx);
    const backend = await startBackend(
      t,
      'shop',
      (request, response) => {
        response.writeHead({ '/fail': 500, '/missing': 404 }[request.url ?? ''] ?? 200);
        response.end('x'.repeat(1000));
      },
      { address: ownAddress ?? '' },
    );
    const cluster = await openCluster(t, [
      ...serviceAt('shop', backend.port),
      serviceObject('empty'),
      ingress('shop', {
        host: 'shop.example',
        paths: [{ path: '/', service: 'shop' }],
        tls: [{ hosts: ['shop.example'], secretName: 'pair' }],
        annotations: { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' },
      }),
      ingress('canary', {
        host: 'shop.example',
        paths: [{ path: '/', service: 'shop' }],
        annotations: {
          'nginx.ingress.kubernetes.io/canary': 'true',
          'nginx.ingress.kubernetes.io/canary-weight': '30',
        },
      }),
      ingress('orphan', { host: 'orphan.example', paths: [{ path: '/', service: 'empty' }] }),
      tlsSecret('pair', await makePair({ names: ['shop.example'] })),
    ]);
    const metricsPort = await freePort();
    const gateway = await cluster.start({
      nginx,
      pod: 'gateway-0',
      config: { metrics: { addr: `127.0.0.1:${metricsPort}` } },
    });
    const rulesFile = path.join(folder, 'rules.yaml');
    const prometheus = await startPrometheus(t, {
      binary: found.prometheus,
      job: 'cloud-native-gateway',
      ports: [metricsPort],
      ruleFiles: [rulesFile],
    });
    await eventually('the first scrape', async () => (await prometheus.query('up == 1')).length === 1);
    // Watches that have to be opened again, and a pass with a reload.
    cluster.api.dropConnections();
    cluster.api.put(ingress('more', { host: 'more.example', paths: [{ path: '/', service: 'shop' }] }));

    const ending = new AbortController();
    const load = (async () => {
      for (let turn = 0; !ending.signal.aborted; turn += 1) {
        const page = ['/', '/cart?id=1', '/fail', '/a/b'][turn % 4] ?? '/';
        const method = turn % 3 === 0 ? 'POST' : 'GET';
        await http({ port: gateway.httpPort, host: 'shop.example', path: page, method, body: 'y' });
        await gateway.get(turn % 5 === 0 ? 'orphan.example' : 'shop.example', '/missing');
        await sleep(20);
      }
    })();
    t.after(async () => {
      ending.abort();
      await load;
    });

    /** Waits until each has an answer; names those that have none. */
    async function answered(queries: Readonly<Record<string, string>>): Promise<void> {
      let left = Object.entries(queries);
      await eventually('answers', async () => {
        const empty: typeof left = [];
        for (const [name, expression] of left) {
          if ((await prometheus.query(expression)).length === 0) {
            empty.push([name, expression]);
          }
        }
        left = empty;
        return left.length === 0;
      }).catch((error: unknown) => {
        throw new Error(left.map(([name, expression]) => `${name}: ${expression}`).join('\n'), {
          cause: error,
        });
      });
    }

    const dashboard = JSON.parse(await readFile(path.join(folder, 'dashboard.json'), 'utf8')) as Dashboard;
    const panels = dashboard.panels.flatMap(({ id, title, targets = [] }) =>
      targets.map(({ expr }, index): [string, string] => [`${id} ${title} ${index}`, chosen(expr)]),
    );
    await t.test('the dashboard', async () => {
      assert.ok(panels.length > 30);
      await answered(Object.fromEntries(panels));
      await answered(
        Object.fromEntries(dashboard.annotations.list.map(({ name, expr }) => [name, chosen(expr)])),
      );
    });

    await t.test('the choices of the dashboard', async () => {
      for (const { name, definition } of dashboard.templating.list) {
        const [, selector, label] = /^label_values\((.+), (\w+)\)$/u.exec(definition ?? '') ?? [];
        if (selector !== undefined && label !== undefined) {
          const values = await prometheus.labelValues(label, chosen(selector));
          const wanted: Record<string, string> = {
            job: 'cloud-native-gateway',
            namespace: 'default',
            ingress: 'shop',
          };
          assert.ok(values.includes(wanted[name] ?? ''), `${name} can be ${values.join(', ')}`);
        }
      }
    });

    await t.test('the rules', async () => {
      const rules = await readFile(rulesFile, 'utf8');
      const expressions = rules.split('\n').filter((line) => !/^ *(?:#|description|summary)/u.test(line));
      const metrics = metricsOf(expressions.join('\n'));
      assert.ok(metrics.length > 10);
      await answered(Object.fromEntries(metrics.map((name) => [name, name])));
      await eventually('every rule was evaluated without an error', async () => {
        const all = await prometheus.rules();
        return all.length > 10 && all.every(({ health }) => health === 'ok');
      });
    });

    await t.test('what dashboards and alerts of ingress-nginx ask', async () => {
      await answered(ingressNginxQueries);
    });

    await t.test('the figures are those of the traffic', async () => {
      ending.abort();
      await load;
      const [sample] = await prometheus.query(
        'sum by (status) (http_requests_total{namespace="default",ingress="shop",endpoint="/",status="500"})',
      );
      assert.ok(Number(sample?.value[1]) > 0);
      const names = await prometheus.query(
        'count by (endpoint, service, method) (http_requests_total{ingress="orphan"})',
      );
      assert.deepEqual(
        names.map(({ metric }) => metric),
        [{ endpoint: '/', service: 'empty', method: 'GET' }],
      );
    });
  },
);
