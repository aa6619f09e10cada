import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { makeAccess } from './access.ts';
import type { Access, AccessProblem, TlsMaterial } from './access.ts';
import { plainLine } from './api-json.ts';
import { readText } from './connection.ts';
import type { AccessSource } from './connection.ts';

/** Milliseconds that an exec plugin may take; one that waits for a person never ends. */
const pluginDeadline = 60_000;

/**
 * Reads a kubeconfig with everything client-node knows: tokens, client certificates, exec and auth-provider plugins.
 * The file is parsed again when it changed or when the server rejected what it gave.
 */
export async function createKubeconfigSource(
  path: string,
  masterUrl: URL | null,
  authority: string,
): Promise<AccessSource | AccessProblem> {
  let text = await readText(path);
  let config = parse(path, text);
  if ('problem' in config) {
    return config;
  }
  const namespace = config.getContextObject(config.currentContext)?.namespace ?? '';
  let current = config;

  return {
    namespace,
    async read(afterRejection) {
      const next = await readText(path);
      if (next !== text || afterRejection) {
        config = parse(path, next);
        if ('problem' in config) {
          return config;
        }
        text = next;
        current = config;
      }
      return accessOf(path, current, masterUrl, authority);
    },
  };
}

function parse(path: string, text: string | null): KubeConfig | AccessProblem {
  if (text === null) {
    return {
      problem: `kubernetes.kubeconfig names ${path}, which cannot be read; correct the path or its rights`,
    };
  }
  const config = new KubeConfig();
  try {
    config.loadFromFile(path);
  } catch (error) {
    return { problem: `kubeconfig ${path} cannot be used: ${messageOf(error)}` };
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    return {
      problem: `kubeconfig ${path} has no cluster for its current-context ${JSON.stringify(config.currentContext)}`,
    };
  }
  if (cluster.proxyUrl !== undefined && cluster.proxyUrl !== '' && cluster.proxyUrl !== null) {
    return {
      problem: `kubeconfig ${path} has a proxy-url, which is not supported; remove it or use another cluster entry`,
    };
  }
  return config;
}

async function accessOf(
  path: string,
  config: KubeConfig,
  masterUrl: URL | null,
  authority: string,
): Promise<Access | AccessProblem> {
  const address = config.getCurrentCluster()?.server ?? '';
  const server = masterUrl ?? URL.parse(address);
  if (server === null || (masterUrl === null && server.protocol !== 'https:')) {
    return {
      problem: `kubeconfig ${path} has the server ${JSON.stringify(address)}; an https:// URL is wanted (plain HTTP only through kubernetes.master_url)`,
    };
  }
  const options: RequestOptions & { headers: Record<string, string> } = { headers: {} };
  try {
    await withDeadline(config.applyToHTTPSOptions(options));
  } catch (error) {
    return { problem: `kubeconfig ${path}: the credentials cannot be had: ${messageOf(error)}` };
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers)) {
    headers[name.toLowerCase()] = value.trim();
  }
  if (typeof options.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  const ca = authority === '' ? pemOf(options.ca) : await readText(authority);
  if (ca === null) {
    return { problem: `kubernetes.certificate_authority names ${authority}, which cannot be read` };
  }
  return makeAccess(server, headers, tlsOf(options, ca));
}

function tlsOf(options: RequestOptions, ca: string): TlsMaterial {
  const cert = pemOf(options.cert);
  const key = pemOf(options.key);
  return {
    ...(ca !== '' && { ca }),
    ...(cert !== '' && { cert }),
    ...(key !== '' && { key }),
    ...(options.servername !== undefined && { servername: options.servername }),
    ...(options.rejectUnauthorized === false && { isInsecure: true }),
  };
}

function pemOf(value: unknown): string {
  if (Buffer.isBuffer(value)) {
    return value.toString('utf8');
  }
  return typeof value === 'string' ? value : '';
}

async function withDeadline(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${pluginDeadline / 1000} s`));
    }, pluginDeadline);
  });
  try {
    await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return plainLine(error instanceof Error ? error.message : String(error));
}
