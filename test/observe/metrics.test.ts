import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { listen } from '../../src/observe/http-server.ts';
import { createMetrics, createMetricsApp } from '../../src/observe/metrics.ts';
import type { Metrics } from '../../src/observe/metrics.ts';
import { maxOrphans } from '../../src/observe/metrics-ingress-nginx.ts';
import { verdictStates } from '../../src/model/verdict.ts';
import { parseExposition, valueOf } from './exposition.ts';
import type { Sample } from './exposition.ts';
import { sampleVerdicts } from './sample-view.ts';

const gateway = 'cloud_native_gateway_';
const ingressNginx = 'nginx_ingress_controller_';
const own = {
  controller_namespace: 'gateway-system',
  controller_class: 'cloud-native-gateway/nginx',
  controller_pod: 'gateway-0',
};

function create(context: TestContext): Metrics {
  const metrics = createMetrics({
    version: '1.2.3',
    revision: 'abc"\\\n',
    repository: 'https://example.org/gateway',
    controllerClass: own.controller_class,
    podNamespace: own.controller_namespace,
    podName: own.controller_pod,
  });
  context.after(() => metrics.stop());
  return metrics;
}

async function scrape(metrics: Metrics): Promise<Sample[]> {
  return parseExposition(await metrics.page());
}

test('a scrape over a socket is a well-formed page with the content type of the text format', async (context) => {
  const app = createMetricsApp(create(context), (error) => {
    throw error;
  });
  const server = await listen(
    {
      setting: 'metrics.addr',
      addr: { host: '127.0.0.1', port: 0 },
      readTimeout: 5,
      writeTimeout: 5,
      idleTimeout: 5,
      onError: (error) => {
        throw error;
      },
    },
    app,
  );
  context.after(() => server.close());
  const answer = await fetch(`http://127.0.0.1:${server.address.port}/metrics`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const samples = parseExposition(await answer.text());
  assert.ok(valueOf(samples, 'process_resident_memory_bytes') > 1e6);
  assert.ok(valueOf(samples, 'process_start_time_seconds') > 1.6e9);
  assert.equal(
    valueOf(samples, `${gateway}build_info`, {
      version: '1.2.3',
      revision: 'abc"\\\n',
      node: process.version,
    }),
    1,
  );
  assert.equal((await app.request('/metrics', { method: 'HEAD' })).status, 200);
  assert.equal((await app.request('/metrics', { method: 'POST' })).status, 405);
  assert.equal((await app.request('/debug/config')).status, 404);
});

test('every series whose labels are known stands on the first page with 0', async (context) => {
  const samples = await scrape(create(context));
  for (const state of verdictStates) {
    assert.equal(valueOf(samples, 'ingress_objects', { state }), 0);
  }
  assert.equal(valueOf(samples, `${gateway}reloads_total`, { reason: 'endpoints', result: 'failure' }), 0);
  assert.equal(valueOf(samples, `${gateway}nginx_tests_total`, { result: 'no-verdict' }), 0);
  assert.equal(valueOf(samples, `${gateway}worker_restarts_total`, { reason: 'timeout' }), 0);
  assert.equal(
    valueOf(samples, `${gateway}stage_duration_seconds_count`, { stage: 'verify', result: 'success' }),
    0,
  );
  for (const name of [
    'generation',
    'last_success_timestamp_seconds',
    'last_attempt_successful',
    'quarantined_objects',
    'change_pending_seconds',
    'source_stale_seconds',
  ]) {
    assert.equal(valueOf(samples, gateway + name), 0);
  }
  for (const name of ['success', 'errors', 'config_hash', 'config_last_reload_successful']) {
    assert.equal(valueOf(samples, ingressNginx + name, own), 0);
  }
});

test('stages, tests, reloads and restarts are counted under their labels', async (context) => {
  const metrics = create(context);
  metrics.observeStage('test', 0.2, 'success');
  metrics.observeStage('test', 70, 'failure');
  metrics.nginxTest('failure');
  metrics.reload('certificates', 'success');
  metrics.reload('certificates', 'success');
  metrics.reload('objects', 'failure');
  metrics.workerRestart('memory');
  metrics.quarantined(3);
  const samples = await scrape(metrics);
  const duration = `${gateway}stage_duration_seconds`;
  const success = { stage: 'test', result: 'success' };
  assert.equal(valueOf(samples, `${duration}_bucket`, { ...success, le: '0.1' }), 0);
  assert.equal(valueOf(samples, `${duration}_bucket`, { ...success, le: '0.25' }), 1);
  assert.equal(valueOf(samples, `${duration}_sum`, success), 0.2);
  const failure = { stage: 'test', result: 'failure' };
  assert.equal(valueOf(samples, `${duration}_bucket`, { ...failure, le: '60' }), 0);
  assert.equal(valueOf(samples, `${duration}_bucket`, { ...failure, le: '+Inf' }), 1);
  assert.equal(valueOf(samples, `${gateway}nginx_tests_total`, { result: 'failure' }), 1);
  const reloads = `${gateway}reloads_total`;
  assert.equal(valueOf(samples, reloads, { reason: 'certificates', result: 'success' }), 2);
  assert.equal(valueOf(samples, reloads, { reason: 'objects', result: 'failure' }), 1);
  assert.equal(valueOf(samples, `${gateway}worker_restarts_total`, { reason: 'memory' }), 1);
  assert.equal(valueOf(samples, `${gateway}quarantined_objects`), 3);
});

test("ingress-nginx's names follow the pass, with its labels", async (context) => {
  const metrics = create(context);
  metrics.reload('start', 'success');
  metrics.live({ number: 7, generation: 'fffffffffffff123', at: 1_767_225_600_500 });
  metrics.attempt('success');
  let samples = await scrape(metrics);
  assert.equal(valueOf(samples, `${ingressNginx}success`, own), 1);
  assert.equal(valueOf(samples, `${ingressNginx}errors`, own), 0);
  assert.equal(valueOf(samples, `${ingressNginx}config_hash`, own), 2 ** 52 - 1);
  assert.equal(valueOf(samples, `${ingressNginx}config_last_reload_successful`, own), 1);
  assert.equal(
    valueOf(samples, `${ingressNginx}config_last_reload_successful_timestamp_seconds`, own),
    1_767_225_600.5,
  );
  assert.equal(
    valueOf(samples, `${ingressNginx}build_info`, {
      ...own,
      release: '1.2.3',
      build: 'abc"\\\n',
      repository: 'https://example.org/gateway',
    }),
    1,
  );
  assert.equal(valueOf(samples, `${gateway}generation`), 7);
  assert.equal(valueOf(samples, `${gateway}last_success_timestamp_seconds`), 1_767_225_600.5);
  assert.equal(valueOf(samples, `${gateway}last_attempt_successful`), 1);

  metrics.attempt('failure');
  samples = await scrape(metrics);
  assert.equal(valueOf(samples, `${ingressNginx}errors`, own), 1);
  assert.equal(valueOf(samples, `${ingressNginx}config_hash`, own), 0);
  assert.equal(valueOf(samples, `${ingressNginx}config_last_reload_successful`, own), 0);
  assert.equal(valueOf(samples, `${gateway}last_attempt_successful`), 0);
  assert.equal(valueOf(samples, `${gateway}generation`), 7, 'the live one is still served');

  metrics.attempt('success');
  samples = await scrape(metrics);
  assert.equal(valueOf(samples, `${ingressNginx}config_last_reload_successful`, own), 1);
  assert.equal(valueOf(samples, `${ingressNginx}config_hash`, own), 2 ** 52 - 1);
});

test('ingress_objects counts every object by state, and states and kinds that empty fall back', async (context) => {
  const metrics = create(context);
  metrics.verdicts(sampleVerdicts);
  let samples = await scrape(metrics);
  const states = samples.filter((sample) => sample.name === 'ingress_objects');
  assert.deepEqual(
    states.map(({ labels, value }) => [Object.keys(labels).join(), labels['state'], value]),
    verdictStates.map((state) => [
      'state',
      state,
      sampleVerdicts.filter((verdict) => verdict.state === state).length,
    ]),
  );
  assert.equal(
    states.reduce((sum, { value }) => sum + value, 0),
    sampleVerdicts.length,
  );
  assert.equal(valueOf(samples, `${gateway}objects`, { kind: 'IngressClass', state: 'ignored' }), 1);
  assert.equal(valueOf(samples, `${gateway}objects`, { kind: 'Ingress', state: 'conflict' }), 0);

  metrics.verdicts(sampleVerdicts.filter(({ kind }) => kind === 'Ingress'));
  samples = await scrape(metrics);
  assert.equal(valueOf(samples, 'ingress_objects', { state: 'ignored' }), 0);
  assert.deepEqual(
    samples.filter(({ name, labels }) => name === `${gateway}objects` && labels['kind'] === 'IngressClass'),
    [],
  );
});

test('orphans have series while they are orphans, and no more than the bound', async (context) => {
  const metrics = create(context);
  const name = `${ingressNginx}orphan_ingress`;
  metrics.orphans([{ namespace: 'a"\n', name: 'shop', type: 'no-service' }]);
  let samples = await scrape(metrics);
  const labels = { ...own, namespace: 'a"\n', ingress: 'shop', type: 'no-service' };
  assert.equal(valueOf(samples, name, labels), 1);
  metrics.orphans(
    Array.from({ length: maxOrphans + 5 }, (_, i) => ({
      namespace: 'b',
      name: `i${i}`,
      type: 'no-endpoint' as const,
    })),
  );
  samples = await scrape(metrics);
  assert.equal(samples.filter((sample) => sample.name === name).length, maxOrphans);
  assert.equal(valueOf(samples, `${gateway}orphan_ingresses_dropped`), 5);
  metrics.orphans([]);
  samples = await scrape(metrics);
  assert.deepEqual(
    samples.filter((sample) => sample.name === name),
    [],
  );
  assert.equal(valueOf(samples, `${gateway}orphan_ingresses_dropped`), 0);
});

test('a scrape through a proxy, as an Ingress to the own pod would be, is refused', async (context) => {
  const app = createMetricsApp(create(context), (error) => {
    throw error;
  });
  const proxied = await app.request('/metrics', { headers: { 'X-Real-IP': '192.0.2.7' } });
  assert.equal(proxied.status, 403);
  assert.match(await proxied.text(), /^\{"error":"the request came through a proxy/);
  const direct = await app.request('/metrics', { headers: { 'X-Forwarded-For': '192.0.2.7' } });
  assert.equal(direct.status, 200);
  await direct.text();
});

test('waiting is measured at the scrape and ends with the wait', async (context) => {
  const metrics = create(context);
  metrics.changePending(performance.now() - 90_000);
  metrics.sourceStale(performance.now() - 5_000);
  let samples = await scrape(metrics);
  assert.ok(valueOf(samples, `${gateway}change_pending_seconds`) >= 90);
  const stale = valueOf(samples, `${gateway}source_stale_seconds`);
  assert.ok(stale >= 5 && stale < 90, `${stale} is about the source, not about the change`);
  metrics.changePending(null);
  samples = await scrape(metrics);
  assert.equal(valueOf(samples, `${gateway}change_pending_seconds`), 0);
});

test('a stall of the event loop lands in its histogram and stays there for every scraper', async (context) => {
  const metrics = create(context);
  const until = performance.now() + 300;
  while (performance.now() < until) {
    // Busy on purpose: the timer that measures must find the loop late.
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
  const late = `${gateway}event_loop_delay_seconds`;
  for (let scrapes = 0; scrapes < 2; scrapes += 1) {
    const samples = await scrape(metrics);
    const count = valueOf(samples, `${late}_count`);
    assert.ok(count - valueOf(samples, `${late}_bucket`, { le: '0.1' }) >= 1);
  }
});

test('simultaneous scrapes share one collection', async (context) => {
  const metrics = create(context);
  const first = metrics.page();
  assert.equal(metrics.page(), first);
  await first;
  assert.notEqual(metrics.page(), first);
});

test('the checker of pages refuses what a scraper would', () => {
  const head = '# HELP a_total A.\n# TYPE a_total counter\n';
  for (const page of [
    `${head}a_total 1`,
    `${head}a_total 1\na_total 2\n`,
    `${head}a_total{b="c"d"} 1\n`,
    `${head}a_total one\n`,
    `${head}b_total 1\n`,
    `${head}a_total 1\n# HELP b B.\n# TYPE b gauge\nb 1\n${head}`,
    '# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
  ]) {
    assert.throws(() => parseExposition(page), { name: 'AssertionError' }, page);
  }
  assert.equal(valueOf(parseExposition(`${head}a_total{b="\\"\\\\\\n"} 1\n`), 'a_total', { b: '"\\\n' }), 1);
});

test('what goes back to the cluster is read for each page; what is switched off has no series', async (context) => {
  const metrics = create(context);
  let isLeader = false;
  metrics.outputs('gateway-leader', () => ({
    leader: { isLeader, holder: 'gateway-1', trouble: null },
    status: { written: 7, behind: 3, trouble: 'no address' },
    events: null,
  }));
  const before = await scrape(metrics);
  assert.equal(valueOf(before, `${gateway}leader`), 0);
  assert.equal(
    valueOf(before, `${gateway}status_behind_objects`),
    0,
    'another replica keeps them up to date',
  );
  isLeader = true;
  const samples = await scrape(metrics);
  assert.equal(valueOf(samples, `${gateway}leader`), 1);
  assert.equal(
    valueOf(samples, `${ingressNginx}leader_election_status`, { ...own, name: 'gateway-leader' }),
    1,
  );
  assert.equal(valueOf(samples, `${gateway}status_behind_objects`), 3);
  assert.equal(valueOf(samples, `${gateway}status_writes_total`), 7);
  assert.equal(valueOf(samples, `${gateway}output_trouble`, { output: 'status' }), 1);
  assert.equal(valueOf(samples, `${gateway}output_trouble`, { output: 'leader' }), 0);
  assert.ok(!samples.some(({ name }) => name.startsWith(`${gateway}events_`)));
});

test('readiness is read when the page is asked for', async (context) => {
  const metrics = create(context);
  let isReady = false;
  metrics.readiness(() => isReady);
  assert.equal(valueOf(await scrape(metrics), `${gateway}ready`), 0);
  isReady = true;
  assert.equal(valueOf(await scrape(metrics), `${gateway}ready`), 1);
});
