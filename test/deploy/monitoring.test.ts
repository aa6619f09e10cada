import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findPrometheus } from '../support/prometheus.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { alertCases } from './alert-cases.ts';
import { at, listAt, only, parseObjects, parseYaml } from './kube-object.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'deploy/monitoring');
const found = findPrometheus();
const promtool = 'promtool' in found ? found.promtool : '';
const skip = 'missing' in found && found.missing;

interface Alert {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook_url', string>>;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

const rules = parseYaml(readFileSync(join(folder, 'rules.yaml'), 'utf8'));
const alerts = listAt(rules, 'groups').flatMap((group) => listAt(group, 'rules')) as Alert[];
const dashboard = JSON.parse(readFileSync(join(folder, 'dashboard.json'), 'utf8')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
};

function kubectl(): boolean {
  return spawnSync('kubectl', ['kustomize', '--help']).status === 0;
}

test('the generated files of deploy/monitoring are current', () => {
  const script = join(root, 'scripts/monitoring.ts');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('the rules for the Operator are those for Prometheus', () => {
  const [object] = parseObjects(readFileSync(join(folder, 'prometheus-rules.yaml'), 'utf8'));
  assert.deepEqual(at(object, 'spec'), rules);
});

test('every alert says what it is, how bad, and has a part of docs/alerts.md to read', () => {
  const headings = readFileSync(join(root, 'docs/alerts.md'), 'utf8').match(/^### .+$/gmu) ?? [];
  assert.deepEqual(
    headings.map((heading) => heading.slice(4)),
    alerts.map(({ alert }) => alert),
  );
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels['severity'] ?? '', /^(?:critical|warning)$/u, alert);
    assert.match(annotations.summary, /^[A-Z][^{}]+\.$/u, alert);
    assert.match(annotations.description, /\.$/u, alert);
    assert.equal(annotations.runbook_url, `docs/alerts.md#${alert.toLowerCase()}`, alert);
  }
});

test('promtool finds nothing wrong with the rules', { skip }, () => {
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'rules', join(folder, 'rules.yaml')], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, new RegExp(`SUCCESS: ${alerts.length} rules found`, 'u'));
});

test('each alert fires when it must, in these words, and not before', { skip }, async (t) => {
  assert.deepEqual(
    alertCases.map(({ alert }) => alert),
    alerts.map(({ alert }) => alert),
  );
  const file = join(await temporaryDirectory(t), 'alerts.json');
  const tests = alertCases.map(({ alert, series, quietAt, firesAt, labels, description }) => {
    const rule = alerts.find((one) => one.alert === alert);
    const expected = {
      exp_labels: { ...labels, ...rule?.labels },
      exp_annotations: { ...rule?.annotations, description },
    };
    return {
      interval: '1m',
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      alert_rule_test: [
        { eval_time: `${quietAt}m`, alertname: alert, exp_alerts: [] },
        { eval_time: `${firesAt}m`, alertname: alert, exp_alerts: [expected] },
      ],
    };
  });
  // JSON is YAML.
  const content = { rule_files: [join(folder, 'rules.yaml')], evaluation_interval: '1m', tests };
  writeFileSync(file, JSON.stringify(content));
  const { status, stdout, stderr } = spawnSync(promtool, ['test', 'rules', file], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});

test('the panels of the dashboard lie beside each other, and say what they show', () => {
  const { panels, templating } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { title, type, description, gridPos, targets = [] } of panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.ok(!taken.has(`${x} ${y}`), `${title} lies on another panel`);
        taken.add(`${x} ${y}`);
      }
    }
    if (type !== 'row') {
      assert.match(description ?? '', /\.$/u, title);
      assert.ok(targets.length > 0, title);
    }
  }
  const known = new Set(['__rate_interval', '__all', ...templating.list.map(({ name }) => name)]);
  for (const [, name = ''] of JSON.stringify(dashboard).matchAll(/\$\{?([a-z_]+)/gu)) {
    assert.ok(known.has(name), `nothing defines $${name}`);
  }
});

test(
  'kubectl makes the three objects of the kustomization',
  { skip: !kubectl() && 'no kubectl on PATH' },
  () => {
    const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const objects = parseObjects(stdout);
    assert.deepEqual(objects.map(({ kind }) => kind).sort(), ['ConfigMap', 'PodMonitor', 'PrometheusRule']);
    const map = only(objects, 'ConfigMap', 'cloud-native-gateway-dashboard');
    assert.deepEqual(JSON.parse(String(at(map, 'data', 'cloud-native-gateway.json'))), dashboard);
    assert.equal(map.metadata.labels?.['grafana_dashboard'], '1');
    const [deployment] = parseObjects(readFileSync(join(root, 'deploy/kubernetes/deployment.yaml'), 'utf8'));
    const labels = at(deployment, 'spec', 'template', 'metadata', 'labels');
    const selector = at(only(objects, 'PodMonitor'), 'spec', 'selector', 'matchLabels');
    assert.deepEqual(selector, labels);
  },
);
