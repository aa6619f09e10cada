import { raw, status } from '../../test/support/fake-api-server.ts';
import { until } from './until.ts';
import { nothingToUndo, type Fault } from './fault.ts';
import type { World } from './world.ts';

type Server = NonNullable<World['cluster']['server']>;

const emptyList = JSON.stringify({
  kind: 'List',
  apiVersion: 'v1',
  metadata: { resourceVersion: '999999999' },
  items: [],
});

const kinds = ['ingresses', 'services', 'endpointslices', 'configmaps', 'ingressclasses'];

/** A fault of the API server; there is none where the objects are in a folder. */
function onServer(inject: (server: Server, world: World) => ReturnType<Fault['inject']>): Fault['inject'] {
  return async (world) => {
    const { server } = world.cluster;
    return server === null ? null : await inject(server, world);
  };
}

/** Has a kind listed anew: its version is forgotten. */
function listAnew({ api }: Server, plural: string): void {
  api.objects.tick();
  api.expire();
  for (const watch of api.watchesOf(plural)) {
    watch.send({ type: 'ERROR', object: { code: 410 } });
  }
}

/** What happens to the API server and on the way to it. */
export const apiFaults: readonly Fault[] = [
  {
    name: 'the API server is away',
    groups: ['api'],
    lastsMs: [500, 6000],
    inject: onServer(async ({ network }) => {
      await network.cut();
      return async () => await network.restore();
    }),
  },
  {
    name: 'all connections to the API server are reset',
    groups: ['api'],
    inject: onServer(async ({ api }) => {
      api.dropConnections();
      return await Promise.resolve(nothingToUndo);
    }),
  },
  {
    name: 'the API server answers 500 or 429',
    groups: ['api'],
    lastsMs: [500, 3000],
    inject: onServer(async ({ api }, { random }) => {
      const end = api.failAll({}, status(random.pick([500, 429, 503])));
      api.dropConnections();
      return await Promise.resolve(async () => {
        end();
        await Promise.resolve();
      });
    }),
  },
  {
    name: 'versions are forgotten (410), everything is listed anew',
    groups: ['api'],
    inject: onServer(async (server) => {
      for (const plural of kinds) {
        listAnew(server, plural);
      }
      return await Promise.resolve(nothingToUndo);
    }),
  },
  {
    name: 'half a list: the second page never comes',
    groups: ['api'],
    lastsMs: [500, 3000],
    inject: onServer(async (server, { random }) => {
      const { api } = server;
      const plural = random.pick(['ingresses', 'services', 'endpointslices']);
      const items = api.objects
        .list(plural === 'ingresses' ? 'networking.k8s.io/v1/ingresses' : 'v1/none')
        .slice(0, 2)
        .map(({ object }) => object);
      const half = {
        kind: 'List',
        apiVersion: 'v1',
        metadata: { resourceVersion: '1', continue: 'more' },
        items,
      };
      const end = api.failAll({ verb: 'list', plural }, (response, request) => {
        if (request.query['continue'] === undefined) {
          raw([JSON.stringify(half)])(response, request);
        } else {
          response.socket?.resetAndDestroy();
        }
      });
      listAnew(server, plural);
      return await Promise.resolve(async () => {
        end();
        api.dropConnections();
        await Promise.resolve();
      });
    }),
  },
  {
    name: 'an empty list, once',
    groups: ['api'],
    lastsMs: [0, 500],
    inject: onServer(async (server, { random }) => {
      const { api } = server;
      const plural = random.pick(['ingresses', 'services', 'endpointslices']);
      const before = api.count({ verb: 'list', plural });
      api.failNext({ verb: 'list', plural }, raw([emptyList]));
      listAnew(server, plural);
      return await Promise.resolve(async () => {
        // What was forbidden before is asked for after a minute.
        await until('the empty list was taken, and asked for again', 150_000, () => {
          return Promise.resolve(api.count({ verb: 'list', plural }) >= before + 2);
        });
      });
    }),
  },
];

/** What takes the gateway a minute to get over: it asks for what is forbidden once in that time. */
export const slowApiFaults: readonly Fault[] = [
  {
    name: 'rights are revoked',
    groups: ['api'],
    lastsMs: [1000, 5000],
    inject: onServer(async ({ api }, { random }) => {
      const plural = random.pick(['ingresses', 'services', 'endpointslices', 'secrets', 'configmaps']);
      api.behaviour.forbidden.add(plural);
      for (const watch of api.watchesOf(plural)) {
        watch.end();
      }
      return await Promise.resolve(async () => {
        api.behaviour.forbidden.delete(plural);
        await Promise.resolve();
      });
    }),
  },
];
