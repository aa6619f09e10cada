import { tlsSecret } from '../../test/support/objects.ts';
import { makePair } from '../../test/support/tls.ts';
import { claimApp, nothingToUndo, type Fault } from './fault.ts';
import {
  appObject,
  hostOf,
  optionsMap,
  passwordSecret,
  secureHost,
  services,
  sliceFor,
  type App,
  type World,
} from './world.ts';

const prefix = 'nginx.ingress.kubernetes.io';
/** So that a soak of an hour does not grow for an hour. */
const mostApps = 40;
const mostHopeless = 12;

let counter = 0;

function newName(of: string): string {
  counter += 1;
  return `${of}-${counter}`;
}

function newApp({ random }: World): App {
  return {
    service: random.pick(['web-0', 'web-1', 'web-2']),
    annotations: random.pick([
      {},
      { [`${prefix}/proxy-read-timeout`]: String(random.between(5, 90)) },
      { [`${prefix}/proxy-body-size`]: `${random.between(1, 64)}m` },
      { [`${prefix}/enable-cors`]: 'true' },
      { [`${prefix}/limit-rps`]: '1000' },
    ]),
    paths: random.pick([['/'], ['/', '/api'], ['/', '/one/', '/two']]),
  };
}

/** What translation refuses, or serves with a difference. */
function refused(name: string, { random }: World): object {
  const host = hostOf(name);
  const root = { service: 'web-0', path: '/' };
  const app = { service: 'web-0', annotations: {}, paths: ['/'] };
  return random.pick([
    appObject(name, app, { host: 'no host; at } all' }),
    appObject(name, app, { paths: [{ ...root, path: 'no-slash' }] }),
    appObject(name, app, { paths: [{ ...root, path: '/\nreturn 200;' }] }),
    appObject(name, app, { annotations: { [`${prefix}/proxy-body-size`]: 'much' } }),
    appObject(name, app, { annotations: { [`${prefix}/whitelist-source-range`]: 'everybody' } }),
    appObject(name, app, {
      annotations: { [`${prefix}/auth-type`]: 'basic', [`${prefix}/auth-secret`]: 'absent' },
    }),
    appObject(name, app, { annotations: { [`${prefix}/server-snippet`]: 'return 200; }' } }),
    { ...appObject(name, app), spec: { ingressClassName: 'nginx', rules: 'all' } },
    {
      ...appObject(name, app),
      spec: { ingressClassName: 'nginx', rules: [{ host, http: { paths: [null, 7] } }] },
    },
    { ...appObject(name, app), spec: null },
  ]);
}

/** What nginx alone refuses: a directive that Ingresses may bring, with a value that nobody else knows to be wrong. */
function refusedByNginx(name: string): object {
  const annotations = { [`${prefix}/configuration-snippet`]: 'expires never-ever;' };
  return appObject(name, { service: 'web-0', annotations, paths: ['/'] });
}

/** Edits an app into something wrong; undone, it is as before. */
function spoiled(make: (name: string, world: World) => object): Fault['inject'] {
  return async (world) => {
    const name = claimApp(world);
    const app = name === null ? undefined : world.apps.get(name);
    if (name === null || app === undefined) {
      return null;
    }
    await world.cluster.put(make(name, world));
    return async () => {
      await world.cluster.put(appObject(name, app));
      world.claimed.delete(name);
    };
  };
}

/** Adds something wrong that nobody ever corrects. */
function hopeless(make: (name: string, world: World) => object): Fault['inject'] {
  return async (world) => {
    if (world.hopeless.size >= mostHopeless) {
      const [oldest, object] = [...world.hopeless][0] ?? [];
      if (oldest !== undefined && object !== undefined) {
        world.hopeless.delete(oldest);
        await world.cluster.remove(object);
        return nothingToUndo;
      }
    }
    const name = newName('hopeless');
    const object = make(name, world);
    world.hopeless.set(name, object);
    await world.cluster.put(object);
    return nothingToUndo;
  };
}

async function replaceEndpoints(world: World, service: string, ports: readonly number[]): Promise<void> {
  const { cluster } = world;
  const before = world.endpoints.get(service) ?? [];
  await cluster.put(...ports.map((port) => sliceFor(service, cluster.address, port)));
  for (const port of before.filter((one) => !ports.includes(one))) {
    await cluster.remove(sliceFor(service, cluster.address, port));
  }
  world.endpoints.set(service, ports);
}

async function putPair(world: World): Promise<void> {
  world.pair = await makePair({ names: [secureHost] });
  await world.cluster.put(tlsSecret('pair', world.pair));
}

const pairSecret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'pair', namespace: 'default' },
  type: 'kubernetes.io/tls',
};

export const objectFaults: readonly Fault[] = [
  {
    name: 'an Ingress is added',
    groups: [],
    async inject(world) {
      if (world.apps.size >= mostApps) {
        return null;
      }
      const name = newName('app');
      const app = newApp(world);
      world.apps.set(name, app);
      world.expected.set(hostOf(name), 200);
      await world.cluster.put(appObject(name, app));
      return nothingToUndo;
    },
  },
  {
    name: 'an Ingress is removed',
    groups: [],
    async inject(world) {
      const name = claimApp(world);
      const app = name === null ? undefined : world.apps.get(name);
      if (name === null || app === undefined) {
        return null;
      }
      world.apps.delete(name);
      world.claimed.delete(name);
      world.expected.set(hostOf(name), 404);
      await world.cluster.remove(appObject(name, app));
      return nothingToUndo;
    },
  },
  {
    name: 'an Ingress is edited: Service, annotations, paths',
    groups: [],
    async inject(world) {
      const name = claimApp(world);
      if (name === null) {
        return null;
      }
      const app = newApp(world);
      world.apps.set(name, app);
      await world.cluster.put(appObject(name, app));
      world.claimed.delete(name);
      return nothingToUndo;
    },
  },
  {
    name: 'a burst of twenty Ingresses',
    groups: ['burst'],
    lastsMs: [500, 3000],
    async inject(world) {
      const names = Array.from({ length: 20 }, () => newName('burst'));
      const app = newApp(world);
      for (const name of names) {
        await world.cluster.put(appObject(name, app));
      }
      return async () => {
        for (const name of names) {
          world.expected.set(hostOf(name), 404);
          await world.cluster.remove(appObject(name, app));
        }
      };
    },
  },
  {
    name: 'the endpoints of a Service are replaced',
    groups: ['endpoints'],
    async inject(world) {
      const { random, backends } = world;
      const ports = random.shuffled(backends).slice(0, random.between(1, backends.length));
      await replaceEndpoints(world, random.pick(services), ports);
      return nothingToUndo;
    },
  },
  {
    name: 'a Service loses all endpoints',
    groups: ['endpoints'],
    lastsMs: [500, 3000],
    async inject(world) {
      const service = world.random.pick(['web-0', 'web-1', 'web-2']);
      await replaceEndpoints(world, service, []);
      return async () => await replaceEndpoints(world, service, world.backends);
    },
  },
  {
    name: 'an Ingress becomes unparsable or wrong',
    groups: [],
    lastsMs: [500, 4000],
    inject: spoiled(refused),
  },
  {
    name: 'an Ingress becomes one that nginx refuses',
    groups: [],
    lastsMs: [500, 4000],
    inject: spoiled(refusedByNginx),
  },
  { name: 'a wrong Ingress comes to stay', groups: [], inject: hopeless(refused) },
  { name: 'an Ingress that nginx refuses comes to stay', groups: [], inject: hopeless(refusedByNginx) },
  {
    name: 'a certificate is rotated',
    groups: ['pair'],
    async inject(world) {
      await putPair(world);
      return nothingToUndo;
    },
  },
  {
    name: 'a certificate becomes garbage',
    groups: ['pair'],
    lastsMs: [500, 3000],
    async inject(world) {
      const { random, cluster, pair } = world;
      const garbage = random.pick([
        '',
        '%%%',
        pair.key.slice(0, 90),
        'A'.repeat(100_000),
        `\ufeff${pair.cert}`,
      ]);
      const data = {
        'tls.crt': Buffer.from(garbage).toString('base64'),
        'tls.key': random.pick([7, null, garbage]),
      };
      await cluster.put({ ...pairSecret, data });
      return async () => await putPair(world);
    },
  },
  {
    name: 'a certificate is removed',
    groups: ['pair'],
    lastsMs: [500, 3000],
    async inject(world) {
      await world.cluster.remove(pairSecret);
      return async () => await putPair(world);
    },
  },
  {
    name: 'a password file becomes garbage, or goes',
    groups: ['users'],
    lastsMs: [500, 3000],
    async inject({ random, cluster }) {
      if (random.below(3) === 0) {
        await cluster.remove(passwordSecret());
      } else {
        const auth = random.pick(['', 'nobody', ':', '\0\0', '}{;']);
        await cluster.put({ ...passwordSecret(), data: { auth: Buffer.from(auth).toString('base64') } });
      }
      return async () => await cluster.put(passwordSecret());
    },
  },
  {
    name: 'an option changes',
    groups: ['options'],
    async inject({ random, cluster }) {
      const options = random.pick([
        {},
        { 'proxy-read-timeout': String(random.between(30, 90)) },
        { 'server-tokens': random.pick(['true', 'false']), 'hide-headers': 'X-Soak' },
        { 'use-gzip': 'true', 'gzip-level': String(random.between(1, 9)) },
      ]);
      await cluster.put(optionsMap(options));
      return nothingToUndo;
    },
  },
  {
    name: 'an option is wrong, or all of them go',
    groups: ['options'],
    lastsMs: [500, 3000],
    async inject({ random, cluster }) {
      if (random.below(4) === 0) {
        await cluster.remove(optionsMap({}));
      } else {
        const wrong = random.pick([
          { 'proxy-read-timeout': 'soon' },
          { 'http-snippet': 'server { listen 1; ' },
          { 'no-such-option': 'yes', 'log-format-upstream': '$nothing_of_this_name' },
          { 'ssl-ciphers': '}; load_module evil.so;' },
        ]);
        await cluster.put(optionsMap(wrong));
      }
      return async () => await cluster.put(optionsMap({}));
    },
  },
];
