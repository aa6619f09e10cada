import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { cachedAccess, makeAccess } from './access.ts';
import type { Access, AccessProblem, Connection, TlsMaterial } from './access.ts';
import { plainLine } from './api-json.ts';
import { defaultTimings } from './timing.ts';

/** Where Kubernetes mounts the credentials of a pod. */
const podFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface ConnectionOptions {
  /** `kubernetes.kubeconfig`; empty for the credentials of the pod. */
  readonly kubeconfig?: string;
  /** `kubernetes.master_url`; takes the place of the server's address. The only way to plain HTTP. */
  readonly masterUrl?: string;
  /** `kubernetes.certificate_authority`: a PEM file. */
  readonly certificateAuthority?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly podFolder?: string;
  readonly credentialMs?: number;
}

/**
 * Finds the API server and reads the credentials once, so that what is wrong with them is known at the start.
 * @returns the connection, or the problem in words: it names file or variable, and the remedy
 */
export async function openConnection(options: ConnectionOptions = {}): Promise<Connection | AccessProblem> {
  const masterUrl = readMasterUrl(options.masterUrl ?? '');
  if (masterUrl !== null && 'problem' in masterUrl) {
    return masterUrl;
  }
  const source =
    (options.kubeconfig ?? '') === ''
      ? await podSource(options, masterUrl)
      : await kubeconfigSource(options, masterUrl);
  if ('problem' in source) {
    return source;
  }
  const access = cachedAccess(
    (afterRejection) => source.read(afterRejection),
    options.credentialMs ?? defaultTimings.credentialMs,
  );
  const first = await access();
  if ('problem' in first) {
    return first;
  }
  return { server: first.server.origin, namespace: source.namespace, access };
}

/** One way to be let in. */
export interface AccessSource {
  readonly namespace: string;
  read(afterRejection: boolean): Promise<Access | AccessProblem>;
}

function readMasterUrl(text: string): URL | AccessProblem | null {
  if (text === '') {
    return null;
  }
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return {
      problem: `kubernetes.master_url is ${JSON.stringify(text)}; a URL as in https://10.0.0.1:6443 is wanted`,
    };
  }
  return url;
}

/** Loading client-node takes half a second and 60 MB, so only those with a kubeconfig pay for it. */
async function kubeconfigSource(
  options: ConnectionOptions,
  masterUrl: URL | null,
): Promise<AccessSource | AccessProblem> {
  const { createKubeconfigSource } = await import('./kubeconfig.ts');
  return createKubeconfigSource(options.kubeconfig ?? '', masterUrl, options.certificateAuthority ?? '');
}

/** The pod's own access is four values: host, port, token file and CA file. */
async function podSource(
  options: ConnectionOptions,
  masterUrl: URL | null,
): Promise<AccessSource | AccessProblem> {
  const folder = options.podFolder ?? podFolder;
  const server = masterUrl ?? podServer(options.environment ?? process.env);
  if ('problem' in server) {
    return server;
  }
  const isOptional = masterUrl !== null;
  const authority = options.certificateAuthority ?? '';
  return {
    namespace: plainLine((await readText(join(folder, 'namespace'))) ?? ''),
    async read() {
      const token = await readText(join(folder, 'token'));
      if ((token ?? '') === '' && !isOptional) {
        return missing(join(folder, 'token'), 'the token of the service account');
      }
      const caFile = authority === '' ? join(folder, 'ca.crt') : authority;
      const ca = await readText(caFile);
      if ((ca ?? '') === '' && (authority !== '' || !isOptional)) {
        return missing(caFile, 'the certificate authority of the API server');
      }
      const tls: TlsMaterial = (ca ?? '') === '' ? {} : { ca: ca ?? '' };
      return makeAccess(server, token ? { authorization: `Bearer ${token}` } : {}, tls);
    },
  };
}

function podServer(environment: Readonly<Record<string, string | undefined>>): URL | AccessProblem {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '';
  const url = host === '' ? null : URL.parse(`https://${isIPv6(host) ? `[${host}]` : host}:${port || '443'}`);
  return (
    url ?? {
      problem:
        'this is no pod of a cluster (KUBERNETES_SERVICE_HOST names no host); set kubernetes.kubeconfig, or give manifests',
    }
  );
}

/** A file's text without surrounding white space, or null where it cannot be read. */
export async function readText(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    // Why it cannot be read is for the caller to say; a projected volume that is being replaced is one reason.
    return null;
  }
}

function missing(path: string, what: string): AccessProblem {
  return {
    problem: `${path} cannot be read or is empty; ${what} is needed: look at the pod's service account and its mounts`,
  };
}
