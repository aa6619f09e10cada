import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunningGateway } from '../../test/support/gateway.ts';
import { startLoadBackend } from '../../test/support/load-backend.ts';
import type { NginxBinary } from '../../test/support/nginx-binaries.ts';
import { shellScript } from '../../test/support/nginx-instance.ts';
import {
  ingress,
  serviceObject,
  sliceOf,
  tlsSecret,
  type IngressOptions,
} from '../../test/support/objects.ts';
import { temporaryDirectory } from '../../test/support/temp-dir.ts';
import { makePair, type Pair } from '../../test/support/tls.ts';
import { openSoakCluster, type SoakCluster } from './cluster.ts';
import type { Random } from './random.ts';
import { until } from './until.ts';

/** Never edited: what is done to all others must not be felt here. Its endpoints are replaced, too. */
export const stayHost = 'stay.soak';
/** Behind a password: whatever happens, nobody gets in without it. */
export const guardedHost = 'guarded.soak';
export const secureHost = 'secure.soak';
export const markedHost = 'marked.soak';

export const services = ['stay', 'web-0', 'web-1', 'web-2'];

/** Milliseconds until what is served is what should be: what is forbidden is asked for again after a minute. */
export const settleMs = 150_000;

const ours = 'cloud-native-gateway.io';
const sources = path.resolve(import.meta.dirname, '../..');

/** An Ingress of the soak as it should be. */
export interface App {
  readonly service: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly paths: readonly string[];
}

/** The cluster of a soak, what an operator adds to it, and what a client must find when nothing is wrong. */
export interface World {
  readonly random: Random;
  readonly nginx: NginxBinary;
  readonly cluster: SoakCluster;
  /** Replaced when the gateway is killed. */
  gateway: RunningGateway;
  readonly apps: Map<string, App>;
  /** Those that some fault has in its hands. */
  readonly claimed: Set<string>;
  /** Objects that are wrong and stay so to the end, as somebody's always are. */
  readonly hopeless: Map<string, object>;
  /** The status that a request for each host must end in; of removed hosts 404. */
  readonly expected: Map<string, number>;
  /** Ports of the backends that each Service has. */
  readonly endpoints: Map<string, readonly number[]>;
  readonly backends: readonly number[];
  pair: Pair;
  readonly templates: string;
  readonly plugins: string;
  /** What the reload script and `nginx -t` do: `good`, or a way to fail. */
  become(mode: string): Promise<void>;
  /** Starts the gateway again where it was killed. */
  restart(): Promise<void>;
}

/** A host of an app of the soak. */
export function hostOf(name: string): string {
  return `${name}.soak`;
}

export function appObject(name: string, app: App, more: Partial<IngressOptions> = {}): object {
  return ingress(name, {
    host: hostOf(name),
    annotations: app.annotations,
    paths: app.paths.map((one) => ({ service: app.service, path: one })),
    ...more,
  });
}

export function sliceFor(service: string, address: string, port: number): object {
  const endpoints = [{ addresses: [address], conditions: { ready: true } }];
  return sliceOf(service, `${service}-${port}`, endpoints, [{ name: 'http', port, protocol: 'TCP' }]);
}

/** The ConfigMap of the options; Ingresses may bring snippets, so that there is what only nginx can refuse. */
export function optionsMap(data: Readonly<Record<string, string>>): object {
  const always = { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'options', namespace: 'gateway' },
    data: { ...always, ...data },
  };
}

/** `user` with the password `soak`. */
export function passwordSecret(): object {
  const hash = createHash('sha1').update('soak').digest('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'users', namespace: 'default' },
    data: { auth: Buffer.from(`user:{SHA}${hash}\n`).toString('base64') },
  };
}

export function answerTemplate(mark: string): string {
  return `            add_header X-Template "${mark}" always;\n            return {{status}};\n`;
}

export function markPlugin(value: string): string {
  return `export function plugin(api) {
  return { route: () => ({ responseHeaders: [api.make.responseHeader('X-Mark', api.make.text('${value}'))] }) };
}
`;
}

/** Puts a file in place as a ConfigMap's mount does: all of it at once. */
export async function putFile(folder: string, name: string, text: string): Promise<void> {
  await writeFile(path.join(folder, `.${name}.new`), text);
  await rename(path.join(folder, `.${name}.new`), path.join(folder, name));
}

/**
 * Starts backends, the cluster and the gateway on it; all end with `t`.
 * @param deadlineFactor of what hangs, the gateway waits this part of its usual time
 */
export async function startWorld(
  t: Parameters<typeof startLoadBackend>[0],
  nginx: NginxBinary,
  random: Random,
  deadlineFactor: number,
): Promise<World> {
  const cluster = await openSoakCluster(t);
  const backends: number[] = [];
  for (let count = 0; count < 4; count += 1) {
    backends.push((await startLoadBackend(t, `backend-${count}`, cluster.address)).port);
  }
  const folder = await temporaryDirectory(t);
  const [templates, plugins] = [path.join(folder, 'templates'), path.join(folder, 'plugins')];
  await mkdir(templates);
  await mkdir(plugins);
  await putFile(templates, 'answer.hbs', answerTemplate('first'));
  await putFile(plugins, 'mark.plugin.js', markPlugin('first'));
  const mode = path.join(folder, 'mode');
  async function become(to: string): Promise<void> {
    await putFile(folder, 'mode', to);
  }

  await become('good');
  const endpoints = new Map(services.map((name) => [name, backends] as const));
  const pair = await makePair({ names: [secureHost] });
  const fixed = { service: 'stay', paths: ['/'], annotations: {} };
  await cluster.put(
    ...services.flatMap((name) => [
      serviceObject(name),
      ...backends.map((port) => sliceFor(name, cluster.address, port)),
    ]),
    appObject('stay', fixed),
    appObject('guarded', {
      ...fixed,
      annotations: { [`${ours}/auth-type`]: 'basic', [`${ours}/auth-secret`]: 'users' },
    }),
    passwordSecret(),
    appObject('secure', fixed, { tls: [{ hosts: [secureHost], secretName: 'pair' }] }),
    tlsSecret('pair', pair),
    appObject('marked', { ...fixed, annotations: { [`${ours}/plugins`]: 'mark' } }),
    optionsMap({}),
  );
  const options = {
    nginx: { ...nginx, path: await wrappedNginx(folder, mode, nginx) },
    config: {
      nginx: { template_path: templates, reload_script: await wrappedReload(folder, mode) },
      plugins: { directory: plugins },
      kubernetes: { config_map: 'gateway/options', publish_status_address: ['203.0.113.7'] },
      log: { level: 'info' },
    },
    env: { CNG_DEADLINE_FACTOR: String(deadlineFactor) },
  };
  const world: World = {
    random,
    nginx,
    cluster,
    gateway: await cluster.start(options),
    apps: new Map(),
    claimed: new Set(),
    hopeless: new Map(),
    expected: new Map([
      [stayHost, 200],
      [guardedHost, 401],
      // Its own certificate redirects to HTTPS.
      [secureHost, 308],
      [markedHost, 200],
    ]),
    endpoints,
    backends,
    pair,
    templates,
    plugins,
    become,
    async restart() {
      world.gateway = await cluster.start({ ...options, after: world.gateway, unready: true });
      // Other faults go on: what hangs keeps a pass waiting for as long as its deadlines let it.
      await until('ready after a restart', settleMs, async () => {
        return (await world.gateway.health('/ready').catch(() => null))?.status === 200;
      });
    },
  };
  return world;
}

/**
 * Hangs for as long as whoever asked lives: what hangs under a gateway that is killed outlives it, since nobody is left
 * to end it, and that is no leak of the gateway that comes after.
 */
const hangs = 'while kill -0 $PPID 2>/dev/null; do sleep 1; done';

async function wrappedReload(folder: string, mode: string): Promise<string> {
  const reload = path.join(sources, 'dist/scripts/reload.sh');
  return await shellScript(
    folder,
    'reload.sh',
    `case $(cat ${mode}) in
      hang) ${hangs} ;;
      refuse) echo 'nginx: [emerg] it is not to be' >&2; exit 1 ;;
      lie) exit 0 ;;
    esac
    exec ${reload}`,
  );
}

async function wrappedNginx(folder: string, mode: string, nginx: NginxBinary): Promise<string> {
  return await shellScript(
    folder,
    'nginx',
    `case "$(cat ${mode}) $*" in
      'slow '*'-t '*) ${hangs} ;;
      'killed '*'-t '*) kill -9 $$ ;;
    esac
    exec ${nginx.path} "$@"`,
  );
}
