import { createApiClient, type ApiClient } from '../cluster/kubernetes/api-client.ts';
import { at, textAt } from '../cluster/kubernetes/api-json.ts';
import { openConnection } from '../cluster/kubernetes/connection.ts';
import { resourcePath, resources, type ResourcePath } from '../cluster/kubernetes/resource.ts';
import { ingest } from '../cluster/ingest.ts';
import type { ClusterObject } from '../cluster/objects.ts';
import { gatewayError } from '../errors.ts';
import type { Finding } from '../model/verdict.ts';
import type { AuditWorld } from './world.ts';

const pageSize = '500';

/** What is fetched by name, besides what is listed. */
export interface NamedObject {
  readonly kind: 'Secret' | 'ConfigMap';
  /** `namespace/name`. */
  readonly id: string;
}

/** A cluster, as far as the credentials let it be read. Nothing but GET is sent. */
export interface ClusterReader {
  /**
   * Lists Ingresses, IngressClasses, Services, Namespaces, Deployments, DaemonSets and StatefulSets.
   * @throws GatewayError CNG_CLUSTER_ACCESS where the Ingresses cannot be listed
   */
  list(): Promise<AuditWorld>;
  /** Fetches single objects; those that are missing or forbidden are not in the answer. */
  fetch(named: readonly NamedObject[]): Promise<Pick<AuditWorld, 'objects' | 'findings' | 'problems'>>;
  close(): void;
}

/** @throws GatewayError CNG_CLUSTER_ACCESS */
export async function openCluster(kubeconfig: string): Promise<ClusterReader> {
  const connection = await openConnection({ kubeconfig });
  if ('problem' in connection) {
    throw gatewayError('CNG_CLUSTER_ACCESS', { reason: connection.problem });
  }
  const client = createApiClient(connection);
  return {
    list: () => listAll(client),
    fetch: (named) => fetchAll(client, named),
    close: () => {
      client.close();
    },
  };
}

const workloadPlurals = { Deployment: 'deployments', DaemonSet: 'daemonsets', StatefulSet: 'statefulsets' };

async function listAll(client: ApiClient): Promise<AuditWorld> {
  const objects: ClusterObject[] = [];
  const findings: Finding[] = [];
  const problems: string[] = [];
  for (const kind of ['Ingress', 'IngressClass', 'Service', 'Namespace'] as const) {
    const { apiVersion, plural } = resources[kind];
    const listed = await listOne(client, { apiVersion, plural });
    if ('problem' in listed && kind === 'Ingress') {
      throw gatewayError('CNG_CLUSTER_ACCESS', { reason: `${plural} cannot be listed: ${listed.problem}` });
    }
    if ('problem' in listed) {
      problems.push(`${plural} cannot be listed: ${listed.problem}`);
      continue;
    }
    for (const item of listed.items) {
      const read = ingest({ ...item, kind, apiVersion });
      objects.push(...(read.object === null ? [] : [read.object]));
      findings.push(...read.findings);
    }
  }
  const workloads: unknown[] = [];
  for (const [kind, plural] of Object.entries(workloadPlurals)) {
    const listed = await listOne(client, { apiVersion: 'apps/v1', plural });
    if ('problem' in listed) {
      problems.push(`${plural} cannot be listed, so a controller among them is not seen: ${listed.problem}`);
    } else {
      workloads.push(...listed.items.map((item) => ({ ...item, kind, apiVersion: 'apps/v1' })));
    }
  }
  return { origin: 'cluster', objects, findings, workloads, problems };
}

async function listOne(
  client: ApiClient,
  target: ResourcePath,
): Promise<{ readonly items: readonly object[] } | { readonly problem: string }> {
  const items: object[] = [];
  let token = '';
  do {
    const query = { limit: pageSize, ...(token !== '' && { continue: token }) };
    const answer = await client.send({ path: resourcePath(target), query });
    if (answer.kind === 'failure') {
      return { problem: answer.reason };
    }
    const page = at(answer.body, 'items') ?? [];
    if (answer.status !== 200 || !Array.isArray(page)) {
      return { problem: `${answer.status} ${answer.message}`.trim() };
    }
    items.push(...page.filter((item): item is object => typeof item === 'object' && item !== null));
    token = textAt(answer.body, 'metadata', 'continue');
  } while (token !== '');
  return { items };
}

const atOnce = 8;

async function fetchAll(
  client: ApiClient,
  named: readonly NamedObject[],
): Promise<Pick<AuditWorld, 'objects' | 'findings' | 'problems'>> {
  const objects: ClusterObject[] = [];
  const findings: Finding[] = [];
  const refused = new Map<string, number>();
  for (let start = 0; start < named.length; start += atOnce) {
    const batch = named.slice(start, start + atOnce);
    const answers = await Promise.all(
      batch.map(async (each) => ({ each, answer: await fetchOne(client, each) })),
    );
    for (const { each, answer } of answers) {
      if (answer.kind === 'answer' && answer.status === 200) {
        const read = ingest({ ...(answer.body as object), kind: each.kind, apiVersion: 'v1' });
        objects.push(...(read.object === null ? [] : [read.object]));
        findings.push(...read.findings);
      } else if (answer.kind === 'failure' || answer.status !== 404) {
        const why = answer.kind === 'failure' ? answer.reason : `${answer.status} from the API server`;
        const text = `${each.kind}s cannot be read (${why})`;
        refused.set(text, (refused.get(text) ?? 0) + 1);
      }
    }
  }
  const problems = [...refused].map(([text, count]) => `${text}: ${count}, taken as they should be`);
  return { objects, findings, problems };
}

function fetchOne(client: ApiClient, { kind, id }: NamedObject): ReturnType<ApiClient['send']> {
  const [namespace = '', name = ''] = id.split('/');
  const { apiVersion, plural } = resources[kind];
  return client.send({ path: resourcePath({ apiVersion, plural, namespace, name }) });
}
