import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import type { TestContext } from 'node:test';
import { defaultOptions } from '../../src/options/options.ts';
import { allowedRisk } from '../../src/plugins/annotations.ts';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import { policyObjects, type PolicyInput } from '../../src/policy/objects.ts';
import { annotationRules } from '../../src/policy/rules.ts';
import type { RealApiServer } from '../support/real-api-server.ts';

const policyName = 'ValidatingAdmissionPolicy';

/** What the API server says to an object. */
export interface Answer {
  readonly status: number;
  /** Of a denial or another failure; empty where there is none. */
  readonly message: string;
  readonly warnings: readonly string[];
}

/** The policies of the built-in plugins, as `cng policy` makes them by default, but for `more`. */
export function policiesFor(
  more: Partial<PolicyInput> = {},
  disabledPlugins: readonly string[] = [],
): object[] {
  const registry = more.registry ?? builtinPlugins();
  return policyObjects({
    name: 'cng',
    registry,
    rules: annotationRules({
      registry,
      disabledPlugins,
      allowedRisk: allowedRisk(defaultOptions),
      allowsSnippets: false,
    }),
    classNames: ['nginx'],
    legacyClass: 'nginx',
    classless: false,
    ignoresCatchAll: false,
    namespaceSelector: null,
    action: 'Deny',
    remarks: 'Warn',
    ...more,
  });
}

/** Talks to an API server as its administrator, and reads warnings. */
export class PolicyServer {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: 8 });

  constructor(t: Pick<TestContext, 'after'>, { url }: RealApiServer) {
    this.#url = url;
    t.after(() => this.#agent.destroy());
  }

  /** Creates an object, or with `dryRun` only says what would come of it. */
  async send(method: string, path: string, body: object): Promise<Answer> {
    const text = JSON.stringify(body);
    const headers = {
      authorization: 'Bearer all',
      'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#url}${path}`, { method, headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const answer = JSON.parse(Buffer.concat(chunks).toString()) as { readonly message?: string };
          const status = response.statusCode ?? 0;
          const { warning } = response.headers;
          resolve({
            status,
            message: status < 300 ? '' : (answer.message ?? ''),
            // The API server warns of other things by itself.
            warnings: typeof warning === 'string' && warning.includes(policyName) ? [warning] : [],
          });
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }

  async tryIngress(object: object, namespace = 'default'): Promise<Answer> {
    return this.send(
      'POST',
      `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses?dryRun=All`,
      object,
    );
  }

  /**
   * Makes policies that fail loudly where an expression cannot be evaluated, and waits until they are in force:
   * `probe` is an Ingress that they deny.
   */
  async install(objects: readonly object[], probe: object): Promise<void> {
    for (const object of objects as { kind: string; spec: object }[]) {
      const isPolicy = object.kind === 'ValidatingAdmissionPolicy';
      const plural = isPolicy ? 'validatingadmissionpolicies' : 'validatingadmissionpolicybindings';
      const body = isPolicy ? { ...object, spec: { ...object.spec, failurePolicy: 'Fail' } } : object;
      const answer = await this.send('POST', `/apis/admissionregistration.k8s.io/v1/${plural}`, body);
      assert.equal(answer.status, 201, answer.message);
    }
    await this.#until(probe, ({ status }) => status >= 300);
  }

  /** Waits until a policy warns of an Ingress. */
  async warned(object: object): Promise<void> {
    await this.#until(object, ({ warnings }) => warnings.length > 0);
  }

  async #until(object: object, isMet: (answer: Answer) => boolean): Promise<void> {
    const end = performance.now() + 120_000;
    while (!isMet(await this.tryIngress(object))) {
      assert.ok(performance.now() < end, 'the policy is not in force after two minutes');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** An Ingress of our class. */
export function ingressWith(
  annotations: Readonly<Record<string, string>>,
  spec: object = {},
  metadata: object = {},
): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'tried', annotations, ...metadata },
    spec: {
      ingressClassName: 'nginx',
      defaultBackend: { service: { name: 'web', port: { number: 80 } } },
      ...spec,
    },
  };
}
