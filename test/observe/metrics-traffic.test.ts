import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { createMetrics } from '../../src/observe/metrics.ts';
import { registerTraffic } from '../../src/observe/metrics-traffic.ts';
import { readStatus } from '../../src/observe/nginx-status.ts';
import type { TrafficSettings } from '../../src/traffic/layout.ts';
import type { Snapshot } from '../../src/traffic/protocol.ts';
import { TrafficSession } from '../../src/traffic/session.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { line, trafficSettings } from '../traffic/settings.ts';
import { parseExposition, type Sample } from './exposition.ts';

/** A page after these lines. */
async function pageOf(
  t: TestContext,
  lines: readonly string[],
  more: Partial<TrafficSettings> = {},
): Promise<Sample[]> {
  const folder = await temporaryDirectory(t);
  await writeFile(path.join(folder, 'requests.log'), lines.map((text) => `${text}\n`).join(''));
  const settings = trafficSettings(more);
  const session = await TrafficSession.open(
    { settings, folder, savedPath: path.join(folder, 'saved.json'), rotateBytes: 1e6 },
    { reopen: async () => await Promise.resolve(true), trouble: (what) => assert.fail(what) },
  );
  const identity = { version: '', revision: '', repository: '' };
  const pod = { controllerClass: 'class', podNamespace: 'system', podName: 'pod-0' };
  const metrics = createMetrics({ ...identity, ...pod });
  metrics.extend((registry) =>
    registerTraffic(registry, { ...identity, ...pod }, settings, {
      snapshot: async (version) => (await session.answer({ ask: 'snapshot', version })) as Snapshot,
    }),
  );
  parseExposition(await metrics.page());
  // Once more, with labels that are known already.
  const page = await metrics.page();
  metrics.stop();
  await session.answer({ ask: 'close' });
  return parseExposition(page);
}

function named(samples: readonly Sample[], name: string): Sample[] {
  return samples.filter((sample) => sample.name === name);
}

const canary = line({ canary: 'next web-next http', status: '500', time: '2.000', upstream: '1.500' });

test('requests are told under names of our own', async (t) => {
  const samples = await pageOf(t, [line({}), line({}), canary]);
  const labels = { namespace: 'shop', ingress: 'web', service: 'web', endpoint: '/' };
  assert.deepEqual(
    named(samples, 'http_requests_total').map(({ labels: own, value }) => [own, value]),
    [
      [{ ...labels, canary: '', method: 'GET', status: '200' }, 2],
      [{ ...labels, canary: 'next', method: 'GET', status: '500' }, 1],
    ],
  );
  const buckets = named(samples, 'http_request_duration_seconds_bucket').filter(
    (sample) => sample.labels['canary'] === '',
  );
  assert.deepEqual(
    buckets.map((sample) => [sample.labels['le'], sample.value]),
    [
      ['0.01', 0],
      ['0.1', 2],
      ['1', 2],
      ['+Inf', 2],
    ],
  );
  assert.deepEqual(
    named(samples, 'http_request_duration_seconds_sum').map(({ value }) => value),
    [0.024, 2],
  );
  assert.deepEqual(
    named(samples, 'http_upstream_duration_seconds_sum').map(({ value }) => value),
    [0.022, 1.5],
  );
  assert.deepEqual(
    named(samples, 'http_response_size_bytes_sum').map(({ value }) => value),
    [3000, 1500],
  );
  assert.equal(named(samples, 'cloud_native_gateway_traffic_requests_total')[0]?.value, 3);
});

test("requests are told under ingress-nginx's names, those of an Ingress", async (t) => {
  const samples = await pageOf(t, [line({}), canary, line({ status: '404', route: '', upstream: '' })]);
  const labels = {
    controller_namespace: 'system',
    controller_class: 'class',
    controller_pod: 'pod-0',
    namespace: 'shop',
    ingress: 'web',
    service: 'web',
    path: '/',
    method: 'GET',
  };
  assert.deepEqual(
    named(samples, 'nginx_ingress_controller_requests').map(({ labels: own, value }) => [own, value]),
    [
      [{ ...labels, canary: '', status: '200' }, 1],
      [{ ...labels, canary: 'shop-web-next-http', status: '500' }, 1],
    ],
  );
  for (const [name, sum] of [
    ['request_duration_seconds', 2.012],
    ['response_duration_seconds', 1.511],
    ['connect_duration_seconds', 0.002],
    ['header_duration_seconds', 1.511],
    ['request_size', 600],
    ['response_size', 3000],
    ['bytes_sent', 3000],
  ] as const) {
    const sums = named(samples, `nginx_ingress_controller_${name}_sum`);
    assert.equal(sums.length, 2, name);
    assert.ok(Math.abs(sums.reduce((all, { value }) => all + value, 0) - sum) < 1e-9, name);
  }
});

test('either set of names, and each metric, can be left out, and then costs no series', async (t) => {
  const lines = [line({})];
  const own = await pageOf(t, lines, { ingressNginxNames: false });
  assert.equal(named(own, 'nginx_ingress_controller_requests').length, 0);
  assert.equal(named(own, 'http_requests_total').length, 1);
  const theirs = await pageOf(t, lines, { ownNames: false });
  assert.equal(named(theirs, 'http_requests_total').length, 0);
  assert.equal(named(theirs, 'nginx_ingress_controller_requests').length, 1);
  const few = await pageOf(t, lines, {
    exclude: ['http_request_size_bytes', 'bytes_sent', 'nginx_ingress_controller_request_size', 'requests'],
  });
  const names = new Set(few.map(({ name }) => name));
  assert.ok(!names.has('http_request_size_bytes_sum') && names.has('http_response_size_bytes_sum'));
  assert.ok(!names.has('nginx_ingress_controller_bytes_sent_sum'));
  assert.ok(!names.has('nginx_ingress_controller_request_size_sum'));
  assert.ok(names.has('nginx_ingress_controller_response_size_sum'));
  assert.ok(!names.has('nginx_ingress_controller_requests'));
  for (const samples of [own, theirs, few, await pageOf(t, lines, { perHost: true })]) {
    const series = samples.filter(({ name }) =>
      /^http_|^nginx_ingress_controller_(?:re[qs]|con?nect|header|bytes)/u.test(name),
    );
    assert.equal(series.length, named(samples, 'cloud_native_gateway_traffic_series')[0]?.value);
  }
});

test("nginx's own page is read, and no other", () => {
  const text =
    'Active connections: 3 \nserver accepts handled requests\n 10 9 31 \nReading: 0 Writing: 1 Waiting: 2 \n';
  assert.deepEqual(readStatus(text), {
    active: 3,
    accepted: 10,
    handled: 9,
    requests: 31,
    reading: 0,
    writing: 1,
    waiting: 2,
  });
  assert.equal(readStatus('<html>'), null);
});
