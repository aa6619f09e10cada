import type { Kind, ObjectRef } from '../../model/object-ref.ts';
import type { ClusterObject } from '../objects.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Store } from '../store.ts';
import { createApiClient, type ApiClient } from './api-client.ts';
import type { Connection } from './access.ts';
import { listCollections, namesOnlyAccept, wholeCollection, type Collection } from './collections.ts';
import type { EarlierCounts } from './disappearance.ts';
import { createHeldObjects, type HeldObjects } from './held-objects.ts';
import { createJudges, type Judges } from './judges.ts';
import {
  statusOfKind,
  unavailableKind,
  type ApiLog,
  type ApiObserver,
  type KindStatus,
} from './kind-status.ts';
import { namesOnly, wholeObjects, type Entry } from './intake.ts';
import { referencedConfigMaps, referencedSecrets } from './referenced-secrets.ts';
import type { ReferenceRules } from './referenced-secrets.ts';
import { createReflector, type Reflector } from './reflector.ts';
import type { Sink } from './reflector-events.ts';
import { resources } from './resource.ts';
import { createStoreWriter } from './store-writer.ts';
import { aborted, defaultTimings, type Timings } from './timing.ts';

export interface ApiSourceOptions {
  readonly connection: Connection;
  readonly store: Store;
  /** `kubernetes.namespace`: the only namespace that is watched; empty for all. */
  readonly namespace: string;
  /** Whether Namespaces are read, for `kubernetes.watch_namespace_selector`; nothing is complete without them then. */
  readonly namespaceSelectorSet: boolean;
  readonly references: ReferenceRules;
  readonly log?: ApiLog;
  readonly observer?: ApiObserver;
  readonly timings?: Partial<Timings>;
  /** Called when a kind is synced, degraded or well again. */
  onStatus?(status: readonly KindStatus[]): void;
}

export interface ApiSource {
  /**
   * Lists and watches. Resolves when one complete list of every required kind, with every Secret and ConfigMap that is
   * referred to, is in the store (`synced`), or when `stop` was called before that (`stopped`). Starting twice is
   * starting once.
   * @param earlier where a first list has lost most of that, a second one has to confirm it
   */
  start(earlier?: EarlierCounts): Promise<'synced' | 'stopped'>;
  /** Ends every request and resolves when nothing runs any more. The store keeps what it has. */
  stop(): Promise<void>;
  status(): readonly KindStatus[];
  /** How many objects of each kind there are, as far as they have been listed. */
  counts(): EarlierCounts;
  /** For status, Events and Leases: the same connections and credentials. */
  readonly client: ApiClient;
}

interface Watched {
  readonly kind: Kind;
  readonly reflector: Reflector;
}

interface Run {
  readonly controller: AbortController;
  readonly tasks: Promise<void>[];
  readonly result: Promise<'synced' | 'stopped'>;
  /** Looks again whether everything is there. */
  check(): void;
}

const heldKinds = ['Secret', 'ConfigMap'] as const;

/** Keeps the store equal to what an API server says. */
export function createApiSource(options: ApiSourceOptions): ApiSource {
  const { store, log, observer } = options;
  const timings: Timings = { ...defaultTimings, ...options.timings };
  const client = createApiClient(options.connection, timings);
  const writer = createStoreWriter({
    store,
    ...timings,
    prepare,
    onListenerError(error) {
      log?.error('A listener of the store failed; the change itself is in the store', { error });
    },
  });
  const held: Readonly<Record<(typeof heldKinds)[number], HeldObjects>> = {
    Secret: createHeld('Secret'),
    ConfigMap: createHeld('ConfigMap'),
  };
  const collections = listCollections({
    namespace: options.namespace,
    withNamespaces: options.namespaceSelectorSet,
    secrets: options.references.secrets,
    configMaps: options.references.configMaps,
  });
  const watched = collections.map((collection) => watch(collection));
  let endpoints: { readonly watched: Watched; readonly stop: AbortController } | null = null;
  /** Once every reference of the first complete lists has been followed. */
  let isComplete = false;
  let seen: Pick<Snapshot, 'ingresses' | 'configMaps' | keyof Judges> | null = null;
  const judges = createJudges();
  let referTimer: NodeJS.Timeout | null = null;
  let earlierCounts: EarlierCounts = {};
  let run: Run | null = null;
  let stopping: Promise<void> = Promise.resolve();

  function createHeld(kind: (typeof heldKinds)[number]): HeldObjects {
    const resource = resources[kind];
    return createHeldObjects({
      client,
      resource,
      timings,
      intake: wholeObjects(resource),
      onChange: (set, deleted) => writer.change(set, deleted),
      onContact: () => contained(() => observer?.contact?.(kind)),
    });
  }

  function sinkOf({ resource, isNamesOnly }: Collection): Sink {
    if (isNamesOnly) {
      return held[resource.kind === 'Secret' ? 'Secret' : 'ConfigMap'].sink;
    }
    function change(set: readonly Entry[], deleted: readonly ObjectRef[]): void {
      judges.note(set, deleted);
      writer.change(set, deleted);
    }
    return { first: (entries) => change(entries, []), change: ({ set, deleted }) => change(set, deleted) };
  }

  function watch(collection: Collection): Watched {
    const { resource, request, isNamesOnly } = collection;
    const { kind } = resource;
    const one: Watched = {
      kind,
      reflector: createReflector({
        client,
        request,
        ...(isNamesOnly && { accept: namesOnlyAccept }),
        intake: isNamesOnly ? namesOnly(resource) : wholeObjects(resource),
        sink: sinkOf(collection),
        timings,
        earlier: () => earlierCounts[kind] ?? 0,
        events: {
          contact: () => contained(() => observer?.contact?.(kind)),
          // After an outage each kind waits for a time of its own, up to half a minute; one that is back calls the others.
          returned: () => watched.forEach(({ reflector }) => reflector.retryNow()),
          restarted: (reason) => contained(() => observer?.restarted?.(kind, reason)),
          listed(objects, seconds) {
            log?.debug('A complete list was read', { kind, objects, seconds });
            contained(() => observer?.listed?.(kind, objects, seconds));
          },
          drifted(objects) {
            log?.warn('A list showed changes that the watch had not', { kind, objects });
            contained(() => observer?.drifted?.(kind, objects));
          },
          skipped(reason) {
            log?.warn('Something from the API server could not be read', { kind, reason });
            contained(() => observer?.skipped?.(kind, reason));
          },
          changed: () => onChanged(one),
        },
      }),
    };
    return one;
  }

  function onChanged(one: Watched): void {
    const { trouble, isSynced } = one.reflector.state();
    if (trouble === null) {
      log?.info('The API server is followed', { kind: one.kind, isSynced });
    } else {
      log?.warn('The API server is not followed', { kind: one.kind, reason: trouble.reason });
    }
    const isUnavailable = trouble?.kind === 'forbidden' || trouble?.kind === 'not-served';
    writer.note(one.kind, isUnavailable ? unavailableKind(one.kind, trouble.reason) : null);
    if (one.kind === 'EndpointSlice') {
      followEndpoints(trouble?.kind === 'not-served', isSynced && trouble === null);
    }
    publish();
    run?.check();
  }

  /** Endpoints are the older form of slices: read while slices are not served, forgotten when they are. */
  function followEndpoints(areSlicesMissing: boolean, areSlicesThere: boolean): void {
    if (areSlicesMissing && endpoints === null && run !== null && !run.controller.signal.aborted) {
      const stop = new AbortController();
      endpoints = { watched: watch(wholeCollection('Endpoints', options.namespace)), stop };
      run.tasks.push(endpoints.watched.reflector.run(AbortSignal.any([run.controller.signal, stop.signal])));
    } else if (areSlicesThere && endpoints !== null) {
      endpoints.stop.abort();
      endpoints = null;
      writer.clear('Endpoints');
    }
  }

  /** Fetches what a change newly refers to before anybody sees the change. */
  function prepare(objects: readonly ClusterObject[]): Promise<void> | null {
    let ingresses = objects.filter((object) => object.kind === 'Ingress');
    // A new class or label can make many Ingresses ours that have been there all along.
    if (isComplete && objects.some(({ kind }) => kind === 'IngressClass' || kind === 'Namespace')) {
      ingresses = [...store.snapshot().ingresses, ...ingresses];
    }
    if (ingresses.length === 0) {
      return null;
    }
    const part = { ...judges, ingresses, configMaps: new Map() };
    const secrets = held.Secret.want(referencedSecrets(part, options.references));
    const configMaps = held.ConfigMap.want(referencedConfigMaps(part, options.references));
    return secrets === null && configMaps === null
      ? null
      : Promise.all([secrets, configMaps]).then(() => undefined);
  }

  function areSettled(): boolean {
    return heldKinds.every((kind) => held[kind].isSettled());
  }

  function refer(): void {
    const { ingresses, configMaps, ingressClasses, namespaces } = store.snapshot();
    if (
      seen?.ingresses === ingresses &&
      seen.configMaps === configMaps &&
      seen.ingressClasses === ingressClasses &&
      seen.namespaces === namespaces
    ) {
      return;
    }
    seen = { ingresses, configMaps, ingressClasses, namespaces };
    held.ConfigMap.refer(referencedConfigMaps(seen, options.references));
    held.Secret.refer(referencedSecrets(seen, options.references));
  }

  function scheduleRefer(): void {
    referTimer ??= setTimeout(() => {
      referTimer = null;
      // Before that, only parts of the cluster are there: what they do not refer to may be referred to by the rest.
      if (isComplete) {
        refer();
      }
    }, 20);
  }

  function isSettledKind(one: Watched): boolean {
    const { isSynced, trouble } = one.reflector.state();
    if (isSynced) {
      return true;
    }
    if (one.kind === 'EndpointSlice' && trouble?.kind === 'not-served') {
      return endpoints?.watched.reflector.state().isSynced ?? false;
    }
    return false;
  }

  /** The lists are there: what they refer to is fetched, then what that refers to. */
  async function complete(signal: AbortSignal): Promise<void> {
    for (;;) {
      await writer.flush();
      refer();
      if (areSettled() || signal.aborted) {
        await writer.flush();
        return;
      }
      await Promise.race([Promise.all(heldKinds.map((kind) => held[kind].settled())), aborted(signal)]);
    }
  }

  function begin(): Run {
    const controller = new AbortController();
    const { signal } = controller;
    const { promise: result, resolve: settle } = Promise.withResolvers<'synced' | 'stopped'>();
    let isCompleting = false;
    signal.addEventListener('abort', () => settle('stopped'));
    signal.addEventListener('abort', store.onDirty(scheduleRefer));
    const next: Run = {
      controller,
      result,
      tasks: [],
      check() {
        if (isCompleting || !watched.every(isSettledKind)) {
          return;
        }
        isCompleting = true;
        next.tasks.push(
          complete(signal).then(() => {
            if (!signal.aborted) {
              isComplete = true;
              settle('synced');
              publish();
            }
          }),
        );
      },
    };
    for (const kind of heldKinds) {
      held[kind].run(signal);
    }
    // What an earlier run has left must be gone first: never two watches of one collection.
    const vacant = stopping;
    next.tasks.push(...watched.map((one) => vacant.then(() => one.reflector.run(signal))));
    const { watched: older, stop } = endpoints ?? {};
    if (older !== undefined && stop !== undefined) {
      next.tasks.push(vacant.then(() => older.reflector.run(AbortSignal.any([signal, stop.signal]))));
    }
    return next;
  }

  function status(): readonly KindStatus[] {
    const all = endpoints === null ? watched : [...watched, endpoints.watched];
    return [...Map.groupBy(all, (one) => one.kind)].map(([kind, ofKind]) => {
      const isHeld = kind === 'Secret' || kind === 'ConfigMap';
      const states = ofKind.map(({ reflector }) => reflector.state());
      return statusOfKind(kind, states, !isHeld || isComplete);
    });
  }

  function publish(): void {
    contained(() => options.onStatus?.(status()));
  }

  /** Hooks are other people's code: what they throw must not be taken for trouble with the server. */
  function contained(hook: () => void): void {
    try {
      hook();
    } catch (error) {
      log?.error('A hook of the API source failed', { error });
    }
  }

  return {
    client,
    async start(earlier = {}) {
      if (run === null) {
        earlierCounts = earlier;
        run = begin();
        run.check();
      }
      return run.result;
    },
    async stop() {
      const ending = run;
      run = null;
      if (ending !== null) {
        ending.controller.abort();
        stopping = Promise.all([stopping, ...ending.tasks]).then(() => writer.flush());
      }
      await stopping;
      if (run === null) {
        client.close();
      }
    },
    status,
    counts() {
      // Where a kind is read in several lists, a sum would say nothing about one of them.
      const single = [...Map.groupBy(watched, (one) => one.kind).values()].filter((all) => all.length === 1);
      return Object.fromEntries(
        single.flat().map(({ kind, reflector }) => [kind, reflector.state().objects]),
      );
    },
  };
}
