import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { fits } from '../../src/model/value-type.ts';
import { capabilityPresets } from '../../src/nginx/capabilities.ts';
import { readAnnotations } from '../../src/plugins/annotations.ts';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import { buildGolden, settingsFor } from '../support/golden.ts';
import { noRealServer, startRealApiServer } from '../support/real-api-server.ts';
import { mutatedTextsOf, textsOf } from '../support/value-types.ts';
import { parseObjects, type KubeObject } from '../deploy/kube-object.ts';
import { ingressWith, policiesFor, PolicyServer, type Answer } from './policy-server.ts';

const prefix = 'nginx.ingress.kubernetes.io';
const own = 'cloud-native-gateway.io';
const probe = ingressWith({ [`${prefix}/limit-rps`]: 'many' });
const registry = builtinPlugins();

/** A failure of the policy itself, for example by cost. */
function assertEvaluated({ message, warnings }: Answer): void {
  for (const text of [message, ...warnings]) {
    assert.doesNotMatch(text, /resulted in error|fails to evaluate|cancelled|budget|failed to|exceed/iu);
  }
}

interface Tried {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly answer: Answer;
}

describe('the policies on a real API server', { skip: noRealServer }, () => {
  let server: PolicyServer;
  const ends: (() => unknown)[] = [];

  before(async () => {
    const t = { after: (end: () => unknown) => void ends.push(end) } as Pick<TestContext, 'after'>;
    server = new PolicyServer(t, await startRealApiServer(t));
    await server.install(policiesFor(), probe);
  });

  after(async () => {
    for (const end of ends.reverse()) {
      await end();
    }
  });

  /** Tries Ingresses with these annotations, some at a time. */
  async function tryAll(list: readonly Omit<Tried, 'answer'>[]): Promise<Tried[]> {
    const tried: Tried[] = [];
    const waiting = [...list];
    async function work(): Promise<void> {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const answer = await server.tryIngress(ingressWith(next.annotations));
        assertEvaluated(answer);
        tried.push({ ...next, answer });
      }
    }
    await Promise.all(Array.from({ length: 8 }, work));
    return tried;
  }

  it('name annotation, value and remedy', async () => {
    const { status, message } = await server.tryIngress(
      ingressWith({ [`${prefix}/limit-rps`]: 'many\n"lines"' }),
    );
    assert.equal(status, 422);
    assert.ok(
      message.endsWith(
        `metadata.annotations["${prefix}/limit-rps"]: "many\\n\\"lines\\"" is not allowed: write a whole number from 0 to 1000000; the Ingress would be refused, its routes would answer 503`,
      ),
      message,
    );
  });

  it('say of values what the parsers of the gateway say, wherever a shape can say it', async () => {
    const rows = registry.list().flatMap((plugin) => Object.entries(plugin.annotations));
    const list = rows.flatMap(([name, { type }]) =>
      type.shape.kind === 'any'
        ? []
        : [...sampled(textsOf(type.shape), 12), ...sampled(mutatedTextsOf(type.shape), 24)].map((text) => ({
            name,
            annotations: { [`${prefix}/${name}`]: text },
          })),
    );

    const seen = { let: 0, warned: 0, denied: 0 };
    for (const { name, annotations, answer } of await tryAll(list)) {
      const [text = ''] = Object.values(annotations);
      const { spec } = registry.specOf(name) ?? assert.fail(name);
      const isFitting = text.trim() === '' || fits(spec.type.shape, text);
      const shown = `${name}: ${JSON.stringify(text)}: ${answer.status} ${answer.message} ${answer.warnings.join()}`;
      const refuses = spec.onInvalid !== 'default' || spec.risk === 'Critical';
      const reading = readAnnotations(registry, annotations);
      if (spec.risk === 'Critical') {
        assert.equal(answer.status >= 400, text.trim() !== '', shown);
      } else if (refuses) {
        assert.equal(answer.status, isFitting ? 201 : 422, shown);
      } else {
        assert.equal(answer.status, 201, shown);
        assert.equal(answer.warnings.length === 0, isFitting, shown);
      }
      if (answer.status >= 400) {
        seen.denied += 1;
        assert.ok(reading.rejected.length + reading.denied.length > 0, shown);
      } else if (answer.warnings.length > 0) {
        seen.warned += 1;
        assert.ok(reading.differences.length > 0, shown);
      } else {
        seen.let += 1;
      }
    }
    assert.ok(seen.let > 100 && seen.warned > 100 && seen.denied > 100, JSON.stringify(seen));
  });

  it('take the name that the gateway takes, where one annotation is set by several', async () => {
    const names = ['limit-allowlist', 'limit-whitelist'].flatMap((name) => [
      `${own}/${name}`,
      `${prefix}/${name}`,
    ]);
    const values = ['10.0.0.0/8', 'nobody', ' '];
    const list = Array.from({ length: 4 ** 4 }, (_, index) => {
      const digits = [0, 1, 2, 3].map((place) => Math.floor(index / 4 ** place) % 4);
      const set = digits.flatMap((digit, place): [string, string][] => {
        const value = values[digit];
        return value === undefined ? [] : [[names[place] ?? '', value]];
      });
      return { name: 'limit-allowlist', annotations: Object.fromEntries(set) };
    });

    for (const { annotations, answer } of await tryAll(list)) {
      const { rejected } = readAnnotations(registry, annotations);
      assert.equal(answer.status >= 400, rejected.length > 0, JSON.stringify(annotations) + answer.message);
    }
  });

  it('say of the golden data nothing that check does not say', async () => {
    const testdata = path.join(import.meta.dirname, '../testdata');
    let compared = 0;
    let denied = 0;
    let warned = 0;
    for (const feature of await readdir(testdata)) {
      const input = path.join(testdata, feature, 'in.yaml');
      const text = await readFile(input, 'utf8').catch(() => '');
      const isDefault =
        (await readFile(path.join(testdata, feature, 'settings.yaml'), 'utf8').catch(() => '')) === '';
      if (text === '' || !isDefault) {
        continue;
      }
      const { verdicts } = await buildGolden(input, capabilityPresets['1.30'], settingsFor('/var/lib/cng'));
      for (const object of parseObjects(text).filter(({ kind }) => kind === 'Ingress')) {
        const verdict = verdicts.find(
          (each) =>
            each.kind === 'Ingress' &&
            each.name === object.metadata.name &&
            each.namespace === (object.metadata.namespace ?? 'default'),
        );
        const answer = await server.tryIngress(inDefault(object));
        assertEvaluated(answer);
        const shown = `${feature}: ${JSON.stringify(verdict)}: ${answer.message} ${answer.warnings.join()}`;
        if (answer.message.includes('ValidatingAdmissionPolicy')) {
          denied += 1;
          const isSaid = verdict?.reasons.some(({ message }) => /is left out/u.test(message)) === true;
          assert.ok(verdict?.state === 'rejected' || verdict?.state === 'quarantined' || isSaid, shown);
        } else if (answer.status < 300) {
          compared += 1;
          warned += answer.warnings.length;
          assert.ok(
            answer.warnings.length === 0 || (verdict !== undefined && verdict.state !== 'served'),
            shown,
          );
        }
      }
    }
    assert.ok(compared > 100 && denied > 5 && warned > 5, JSON.stringify({ compared, denied, warned }));
  });

  it('leave Ingresses of other classes alone', async () => {
    const bad = { [`${prefix}/limit-rps`]: 'many' };
    const legacy = 'kubernetes.io/ingress.class';
    const cases: [boolean, object][] = [
      [true, ingressWith(bad)],
      [false, ingressWith(bad, { ingressClassName: 'other' })],
      [true, ingressWith({ ...bad, [legacy]: 'nginx' }, { ingressClassName: undefined })],
      [false, ingressWith({ ...bad, [legacy]: 'other' }, { ingressClassName: undefined })],
      [false, ingressWith(bad, { ingressClassName: undefined })],
    ];
    for (const [isOurs, object] of cases) {
      const answer = await server.tryIngress(object);
      assertEvaluated(answer);
      assert.equal(answer.status, isOurs ? 422 : 201, `${JSON.stringify(object)} ${answer.message}`);
    }
  });

  it('refuse paths that the gateway leaves out, and name them', async () => {
    const cases: [RegExp | null, object][] = [
      [null, pathOf('/fine')],
      [null, pathOf('/_cngx/fine')],
      [/the path "\/_cng\/x" is reserved/u, pathOf('/_cng/x')],
      [/the path "\/_cng" is reserved/u, pathOf('/_cng')],
      [/the path "\/a\\nb" has a control character/u, pathOf('/a\nb')],
      [/the path "\/a+…" is longer than 4096/u, pathOf(`/${'a'.repeat(4096)}`)],
      [
        /the path "\/files" has a resource backend/u,
        pathOf('/files', { resource: { kind: 'B', name: 'b' } }),
      ],
      [
        /spec\.defaultBackend\.resource: resource backends are never served/u,
        { defaultBackend: { resource: { kind: 'B', name: 'b' } } },
      ],
    ];
    for (const [said, spec] of cases) {
      const answer = await server.tryIngress(ingressWith({}, spec));
      assertEvaluated(answer);
      assert.equal(answer.status, said === null ? 201 : 422, answer.message);
      assert.match(answer.message, said ?? /^$/u);
    }
  });

  it('warn of names that nobody knows', async () => {
    const answer = await server.tryIngress(
      ingressWith({ [`${prefix}/limit-rsp`]: '5', [`${own}/plugins`]: 'mine', 'example.com/other': 'x' }),
    );
    assert.equal(answer.status, 201);
    assert.match(
      answer.warnings.join(),
      /metadata\.annotations\[\\"nginx\.ingress\.kubernetes\.io\/limit-rsp\\"\] is unknown and has no effect/u,
    );
    assert.doesNotMatch(answer.warnings.join(), /plugins|example\.com/u);
  });

  it('let an object that was there before be labelled and deleted, and not be changed', async () => {
    const ingresses = '/apis/networking.k8s.io/v1/namespaces/default/ingresses';
    const bad = ingressWith(
      { [`${prefix}/limit-rps`]: 'many' },
      { ingressClassName: 'other' },
      { name: 'kept', finalizers: ['example.com/kept'] },
    );
    assert.equal((await server.send('POST', ingresses, bad)).status, 201);
    const adopt = { spec: { ingressClassName: 'nginx' } };
    assert.equal((await server.send('PATCH', `${ingresses}/kept`, adopt)).status, 422);
    const ours = { metadata: { annotations: { [`${prefix}/limit-rps`]: '5' } }, ...adopt };
    assert.equal((await server.send('PATCH', `${ingresses}/kept`, ours)).status, 200);
    const worse = { metadata: { annotations: { [`${prefix}/limit-rps`]: 'many' } } };
    assert.equal((await server.send('PATCH', `${ingresses}/kept`, worse)).status, 422);
    const labelled = { metadata: { labels: { seen: 'yes' } } };
    assert.equal((await server.send('PATCH', `${ingresses}/kept`, labelled)).status, 200);
  });

  it('cost no more than the API server allows, however large an Ingress is', async () => {
    const rows = registry.list().flatMap((plugin) => Object.keys(plugin.annotations));
    const each = Math.floor((250 * 1024) / rows.length) - 60;
    const large = Object.fromEntries(rows.map((name) => [`${prefix}/${name}`, 'a,'.repeat(each / 2)]));
    const paths = Array.from({ length: 500 }, (_, index) => ({
      path: `/${'a'.repeat(200)}/${index}`,
      pathType: 'Prefix',
      backend: { service: { name: 'web', port: { number: 80 } } },
    }));
    // A denial would tell the first of its reasons alone, a warning tells all of them.
    const measured = { ingressClassName: 'measured', rules: [{ http: { paths } }] };
    await server.install(policiesFor({ name: 'measured', classNames: ['measured'], action: 'Warn' }), probe);
    await server.warned(ingressWith({ [`${prefix}/limit-rps`]: 'many' }, { ingressClassName: 'measured' }));
    const lists: Readonly<Record<string, string>> = {
      'server-alias': 'a.example,'.repeat(1990),
      'allowlist-source-range': '10.0.0.0/8,'.repeat(1800),
      'denylist-source-range': '2001:db8::/32,'.repeat(1400),
      'limit-allowlist': '192.0.2.7,'.repeat(1990),
      'auth-response-headers': 'X-Authenticated,'.repeat(1240),
      'auth-cache-duration': '200 202 401 10m,'.repeat(1240).slice(0, -1),
      'cors-allow-headers': 'X-Requested-With,'.repeat(1160),
      'cors-expose-headers': 'X-Requested-With,'.repeat(1160),
      'cors-allow-methods': 'GET,'.repeat(4900),
      'proxy-next-upstream': 'invalid_header '.repeat(1320),
      'custom-http-errors': '503,'.repeat(4900).slice(0, -1),
    };
    const prefixed = Object.entries(lists).map(([name, text]) => [`${prefix}/${name}`, text]);
    const cases: [Record<string, string>, number][] = [
      [large, 1],
      // Everything is compared, and as long as it can be for that.
      [Object.fromEntries(prefixed) as Record<string, string>, 0],
      // Too long to be compared.
      [{ [`${prefix}/server-alias`]: 'a.example,'.repeat(24_000) }, 0],
    ];
    for (const [annotations, warnings] of cases) {
      const answer = await server.tryIngress(ingressWith(annotations, measured));
      assertEvaluated(answer);
      assert.equal(answer.status, 201, answer.message);
      assert.equal(answer.warnings.length, warnings, answer.warnings.join());
    }
  });
});

function sampled(texts: fc.Arbitrary<string>, count: number): string[] {
  // A text with half a surrogate pair cannot be sent.
  return fc.sample(texts, count).filter((text) => text.isWellFormed());
}

function pathOf(text: string, backend: object = { service: { name: 'web', port: { number: 80 } } }): object {
  return { rules: [{ http: { paths: [{ path: text, pathType: 'ImplementationSpecific', backend }] } }] };
}

/** As the golden data are read: in any namespace, and of our class where it names none. */
function inDefault(object: KubeObject): object {
  const { namespace: _, ...metadata } = object.metadata;
  const spec = object['spec'] as Readonly<Record<string, unknown>> | null;
  const isClassed =
    spec?.['ingressClassName'] !== undefined ||
    metadata.annotations?.['kubernetes.io/ingress.class'] !== undefined;
  return {
    ...object,
    metadata: { generateName: 'tried-', ...metadata },
    spec: isClassed ? spec : { ...spec, ingressClassName: 'nginx' },
  };
}
