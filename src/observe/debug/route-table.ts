import type { Location, Model, Server, SplitTarget, Upstream } from '../../model/model.ts';
import type { ObjectKey } from '../../model/object-ref.ts';

/** One way into the gateway, and where it leads. */
export interface RouteRow {
  /** The first name of the server; `_` where it takes what no other does. */
  readonly host: string;
  /** Its other names. */
  readonly aliases: readonly string[];
  /** It has a certificate of its own, or its TLS is passed through. */
  readonly tls: boolean;
  readonly path: string;
  /**
   * How nginx compares the path. `prefix` of whole segments takes `/a` and `/a/…`, `bytes` also `/ab`. TLS that is
   * passed through and streams have no path.
   */
  readonly match: 'exact' | 'prefix' | 'bytes' | 'regex' | 'passthrough' | 'stream';
  /** Whose it is; null for the gateway's own. */
  readonly object: ObjectKey | null;
  readonly targets: readonly RouteTarget[];
  /** What is answered without a backend; null where one is asked. */
  readonly answer: string | null;
  /** What plugins do here, by their names. */
  readonly plugins: readonly string[];
}

/** Where requests of a route go. */
export interface RouteTarget {
  /** Null of a name that is looked up, and of one that no Service is known of. */
  readonly service: ObjectKey | null;
  /** The upstream in nginx.conf, or the name that is looked up. */
  readonly name: string;
  /** Addresses with ports that nginx is given. */
  readonly endpoints: readonly string[];
  /** Which requests go there where there are several targets; empty otherwise. */
  readonly when: string;
}

interface UpstreamEntry {
  readonly service: ObjectKey | null;
  readonly endpoints: readonly string[];
}

/**
 * All routes of a model in the order of nginx.conf, from the model that was rendered and from nothing else. `model` is
 * what `ControllerView.model()` gives.
 */
export function routesOf(model: Model): RouteRow[] {
  const upstreams = new Map<string, UpstreamEntry>(
    model.upstreams.map(({ name, origin, peers }) => [
      name.text,
      { service: origin, endpoints: peers.map(({ text }) => text) },
    ]),
  );
  const splits = new Map(model.splits.map((split) => [split.name.text, split]));

  function target(to: SplitTarget, when: string): RouteTarget {
    const upstream = to.token === 'identifier' ? upstreams.get(to.text) : undefined;
    return { service: null, endpoints: [], ...upstream, name: to.text, when };
  }

  function targetsOf({ action }: Location): RouteTarget[] {
    const { proxy } = action;
    if (proxy === null) {
      return [];
    }
    const split = proxy.split === null ? undefined : splits.get(proxy.split.text);
    if (split !== undefined) {
      return [
        target(split.primary, 'otherwise'),
        ...split.alternatives.map(({ target: other, share, conditions, origin }) =>
          target(other, splitWords(share, conditions.length, origin)),
        ),
      ];
    }
    if (proxy.upstream !== null) {
      return [target(proxy.upstream, '')];
    }
    const external = proxy.external;
    return external === null
      ? []
      : [{ service: null, name: `${external.name.text}:${external.port}`, endpoints: [], when: '' }];
  }

  function routesOfServer(server: Server): RouteRow[] {
    const names = server.names.map(({ exact, regex }) => exact?.text ?? wildcardOf(regex?.text ?? ''));
    const [host = '_', ...aliases] = names;
    const tls = server.certificate !== null;
    const exacts = new Map(server.locations.map((location) => [location.match.exact?.text, location]));
    const rests = new Set<Location>();
    /** A rule's path of whole segments is two locations, `= /a` and `/a/`: one route. */
    function wholeOf(location: Location): string | null {
      const prefix = location.match.prefix?.text ?? '';
      const exact = prefix.length > 1 && prefix.endsWith('/') ? exacts.get(prefix.slice(0, -1)) : undefined;
      if (exact === undefined || !sameAction(exact, location)) {
        return null;
      }
      rests.add(exact);
      return prefix.slice(0, -1);
    }
    const rows = server.locations.map((location) => {
      const { exact, prefix, regex } = location.match;
      const whole = wholeOf(location);
      return {
        location,
        row: {
          host,
          aliases,
          tls,
          path: whole ?? exact?.text ?? prefix?.text ?? regex?.text ?? '',
          match: whole === null ? matchOf(exact?.text ?? null, prefix?.text ?? null) : ('prefix' as const),
          object: location.origin,
          targets: targetsOf(location),
          answer: answerOf(location),
          plugins: [...new Set(location.additions.map(({ plugin }) => plugin))],
        },
      };
    });
    return rows.filter(({ location }) => !rests.has(location)).map(({ row }) => row);
  }

  const plain = { aliases: [], path: '', answer: null, plugins: [] };
  const passed = (model.passthrough?.hosts ?? []).map(({ origin, name, upstream }): RouteRow => {
    const found = model.passthrough?.upstreams.find((one) => one.name.text === upstream.text);
    const targets = found === undefined ? [] : [peersOf(found)];
    return { ...plain, host: name.text, tls: true, match: 'passthrough', object: origin, targets };
  });
  const streams = model.streams.map(({ origin, port, udp, upstream }): RouteRow => {
    const host = `${udp ? 'UDP' : 'TCP'} port ${port}`;
    return { ...plain, host, tls: false, match: 'stream', object: origin, targets: [peersOf(upstream)] };
  });
  return [...model.servers.flatMap(routesOfServer), ...passed, ...streams];
}

function peersOf({ name, origin, peers }: Upstream): RouteTarget {
  return { service: origin, name: name.text, endpoints: peers.map(({ text }) => text), when: '' };
}

/** The rows in which every word stands somewhere, in any letter case. */
export function searchRoutes(rows: readonly RouteRow[], words: string): readonly RouteRow[] {
  const wanted = words
    .toLowerCase()
    .split(/\s+/u)
    .filter((word) => word !== '');
  if (wanted.length === 0) {
    return rows;
  }
  return rows.filter((row) => {
    const text = searchable(row);
    return wanted.every((word) => text.includes(word));
  });
}

const texts = new WeakMap<RouteRow, string>();

function searchable(row: RouteRow): string {
  let text = texts.get(row);
  if (text === undefined) {
    const { host, aliases, path, object, targets, answer, plugins } = row;
    const led = targets.flatMap(({ service, name, endpoints }) => [service ?? '', name, ...endpoints]);
    text = [`${host}${path}`, ...aliases, object ?? '', ...led, answer ?? '', ...plugins]
      .join('\n')
      .toLowerCase();
    texts.set(row, text);
  }
  return text;
}

function matchOf(exact: string | null, prefix: string | null): RouteRow['match'] {
  if (exact !== null) {
    return 'exact';
  }
  if (prefix === null) {
    return 'regex';
  }
  return prefix.endsWith('/') ? 'prefix' : 'bytes';
}

function sameAction(one: Location, other: Location): boolean {
  return one.origin === other.origin && JSON.stringify(one.action) === JSON.stringify(other.action);
}

function splitWords(share: number, conditions: number, origin: ObjectKey | null): string {
  const words = [
    ...(share > 0 ? [`${share / 100} %`] : []),
    ...(conditions > 0 ? ['by header or cookie'] : []),
    ...(origin === null ? [] : [`of ${origin}`]),
  ];
  return words.join(', ');
}

function answerOf({ action, additions }: Location): string | null {
  if (action.answer !== null) {
    return `answers ${action.answer.status}`;
  }
  return action.proxy === null ? `answered by ${additions.map(({ plugin }) => plugin).join(', ')}` : null;
}

/** A wildcard as people write it; any other regex as it is. */
function wildcardOf(regex: string): string {
  const match = /^\^\(\?<subdomain>\[\\w-\]\+\)((?:\\\.|[\w-])+)\$$/u.exec(regex);
  return match === null ? regex : `*${(match[1] ?? '').replaceAll('\\', '')}`;
}
