import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { AuditedController, AuditedObject, AuditReport } from '../../src/audit/report.ts';
import { parseDocuments } from '../../src/cluster/manifests/documents.ts';
import { startFakeApiServer, type FakeObject } from '../support/fake-api-server.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { makePair } from '../support/tls.ts';

const main = path.resolve(import.meta.dirname, '../../src/main.ts');
const installation = path.resolve(import.meta.dirname, '../audit/testdata/installation.yaml');

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function cng(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [main, 'audit', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}

let reading: Promise<Ended> | null = null;

/** The audit of the installation, made once: it takes seconds on a busy machine. */
function read(): Promise<Ended> {
  reading ??= cng(['-m', installation, '--json']);
  return reading;
}

function reportOf({ out, err }: Ended): AuditReport {
  assert.ok(out.startsWith('{'), err);
  return JSON.parse(out) as AuditReport;
}

function controllerOf(report: AuditReport, workload: string): AuditedController {
  const found = report.controllers.find((each) => each.workload === workload);
  assert.ok(found !== undefined, workload);
  return found;
}

function objectOf({ objects }: AuditedController, name: string): AuditedObject {
  const found = objects.find((each) => each.name === name);
  assert.ok(found !== undefined, name);
  return found;
}

const mainController = 'Deployment/ingress-nginx/ingress-nginx-controller';

function ingress(annotations: string): string {
  return `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: a, namespace: web, annotations: {${annotations}} }
spec:
  ingressClassName: nginx
  rules:
    - host: a.example.com
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: s, port: { number: 80 } } } }] }
`;
}

describe('cng audit', { concurrency: 2 }, () => {
  it('judges each controller by its own flags, and says whose the other Ingresses are', async () => {
    const ended = await read();
    const report = reportOf(ended);
    assert.equal(ended.code, 2, ended.err);
    assert.deepEqual(
      report.controllers.map(({ workload }) => workload),
      ['DaemonSet/edge/internal', mainController],
    );
    const found = controllerOf(report, mainController);
    const names = found.objects.filter(({ kind }) => kind === 'Ingress').map(({ name }) => name);
    assert.deepEqual(names, ['ewma', 'plain', 'shielded'], 'by class, annotation and without a class');
    assert.equal(objectOf(found, 'ewma').outcome, 'difference');
    const internal = controllerOf(report, 'DaemonSet/edge/internal');
    assert.equal(internal.controllerClass, 'example.com/internal');
    const others = report.others.map(({ name, isUnclear }) => [name, isUnclear]);
    assert.deepEqual(others, [
      ['foreign', false],
      ['unknown', true],
    ]);
    assert.match(report.others[1]?.reason ?? '', /IngressClass mystery is not in the manifests given/);
    const { same, difference } = report.totals.ingresses;
    assert.deepEqual([same >= 1, difference >= 1, report.totals.ingresses.other], [true, true, 1]);
  });

  it('reads annotations under the prefix of the flags, and counts only what they switch on', async (t) => {
    const internal = controllerOf(reportOf(await read()), 'DaemonSet/edge/internal');
    assert.equal(objectOf(internal, 'wire').outcome, 'same', JSON.stringify(internal.objects));
    assert.deepEqual(objectOf(internal, 'wire').reasons, []);
    const folder = await temporaryDirectory(t);
    const file = path.join(folder, 'off.yaml');
    const text = await readFile(installation, 'utf8');
    await writeFile(file, text.replace('                - --enable-ssl-passthrough\n', ''));
    const off = controllerOf(reportOf(await cng(['-m', file, '--json'])), 'DaemonSet/edge/internal');
    const wire = objectOf(off, 'wire');
    assert.equal(wire.outcome, 'same', JSON.stringify(wire));
    assert.ok(wire.notes.some(({ message }) => message.includes('it is switched off')));
  });

  it('does not count what was not given as a difference', async () => {
    const report = reportOf(await read());
    const plain = objectOf(controllerOf(report, mainController), 'plain');
    assert.equal(plain.outcome, 'same', JSON.stringify(plain.reasons));
    const notes = plain.notes.map(({ message }) => message);
    for (const key of ['Secret/shop/shop-tls', 'Secret/shop/users', 'Service/shop/web']) {
      assert.ok(notes.includes(`${key} is not in the manifests given: taken as it should be`), key);
    }
  });

  it('counts what ingress-nginx ignores too as the same, and tells it', async () => {
    const report = reportOf(await read());
    const found = controllerOf(report, mainController);
    assert.ok(objectOf(found, 'plain').notes.some(({ message }) => message.includes('proxy-read-timeout?')));
    const options = objectOf(found, 'ingress-nginx-controller');
    const told = options.reasons.map(({ field }) => field);
    assert.deepEqual(
      [options.kind, options.outcome, told],
      ['ConfigMap', 'difference', ['data["use-geoip2"]']],
    );
  });

  it('ends with 0 where all is the same and with 1 where something differs, and prints both for people', async (t) => {
    const folder = await temporaryDirectory(t);
    const file = path.join(folder, 'a.yaml');
    await writeFile(file, ingress(''));
    const same = await cng(['-m', file]);
    assert.equal(same.code, 0, same.out + same.err);
    assert.match(same.out, /^ {2}same {8}Ingress\/web\/a$/m);
    assert.match(same.out, /^ {2}note {8}no ingress-nginx controller is among what was read/m);
    assert.match(same.out, /^Ingresses: {5}1 the same, 0 with a difference, 0 not served, 0 unclear, 0 of/m);
    await writeFile(file, ingress('nginx.ingress.kubernetes.io/load-balance: ewma'));
    const differs = await cng(['-m', file]);
    assert.equal(differs.code, 1, differs.out + differs.err);
    // Its routes would answer 503 here, and ask for a password there.
    const digest =
      'nginx.ingress.kubernetes.io/auth-type: digest, nginx.ingress.kubernetes.io/auth-secret: s';
    await writeFile(file, ingress(digest));
    const closed = await cng(['-m', file]);
    assert.equal(closed.code, 2, closed.out + closed.err);
    assert.match(closed.out, /^ {2}not-served {2}Ingress\/web\/a$/m);
    await writeFile(file, 'kind: [');
    const broken = await cng(['-m', file]);
    assert.equal(broken.code, 1);
    assert.match(broken.out, /^problem {7}.*a\.yaml:1/m);
  });

  it('is told wrong use: neither source, or both', async () => {
    for (const args of [[], ['-m', installation, '--kubeconfig', 'x']]) {
      const { code, out, err } = await cng(args);
      assert.deepEqual([code, out], [2, ''], err);
      assert.match(err, /either --manifests or --kubeconfig \(CNG_USAGE\)/);
    }
  });

  it('reads a cluster and writes nothing; Secrets that it may not read are taken as they should be', async (t) => {
    const pair = await makePair({ names: ['localhost'] });
    const server = await startFakeApiServer({ tls: pair, behaviour: { tokens: new Set(['let-me-in']) } });
    t.after(() => server.close());
    server.behaviour.forbidden.add('secrets');
    const [list] = parseDocuments(await readFile(installation, 'utf8'), 'x').documents;
    assert.ok(list !== undefined);
    for (const item of (list.value as { readonly items: readonly FakeObject[] }).items) {
      server.put(item);
    }
    const folder = await temporaryDirectory(t);
    const kubeconfig = path.join(folder, 'config');
    const ca = Buffer.from(pair.cert).toString('base64');
    await writeFile(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'c',
        contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
        clusters: [
          {
            name: 'k',
            cluster: {
              server: server.url.replace('127.0.0.1', 'localhost'),
              'certificate-authority-data': ca,
            },
          },
        ],
        users: [{ name: 'u', user: { token: 'let-me-in' } }],
      }),
    );
    const ended = await cng(['--kubeconfig', kubeconfig, '--json']);
    const report = reportOf(ended);
    assert.equal(ended.code, 2, ended.err);
    const found = controllerOf(report, mainController);
    assert.equal(objectOf(found, 'plain').outcome, 'same', JSON.stringify(objectOf(found, 'plain')));
    assert.equal(objectOf(found, 'ingress-nginx-controller').outcome, 'difference');
    assert.ok(report.problems.some((problem) => problem.startsWith('Secrets cannot be read')));
    assert.deepEqual(
      report.others.map(({ name, isUnclear }) => [name, isUnclear]),
      [
        ['foreign', false],
        // In a cluster a class that is not there is nobody's.
        ['unknown', false],
      ],
    );
    assert.deepEqual([...new Set(server.requests.map(({ method }) => method))], ['GET']);
    assert.ok(!server.requests.some(({ plural, name }) => plural === 'secrets' && name === ''));

    server.behaviour.forbidden.add('ingresses');
    const forbidden = await cng(['--kubeconfig', kubeconfig]);
    assert.equal(forbidden.code, 78);
    assert.match(forbidden.err, /ingresses cannot be listed: 403.*CNG_CLUSTER_ACCESS/s);
  });
});
