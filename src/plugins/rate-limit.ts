import { createHash } from 'node:crypto';
import { cidrList, inGeo } from '../model/cidr-list.ts';
import { integer } from '../model/grammar.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { Token } from '../model/token.ts';
import { identifier } from '../model/words.ts';
import { annotation, definePlugin, type AnnotationSpec, type Settings } from './plugin.ts';

/** ingress-nginx's: room for about 80,000 addresses (limit_req) or 160,000 (limit_conn). */
const zoneMebibytes = 5;

/** nginx keeps counts of connections in 16 bits. */
const mostConnections = 65_535;

const mostRate = 1_000_000;

/** The group of requests that one zone counts. Equal groups are one zone. */
interface Zone {
  readonly name: Token<'identifier'>;
  readonly megabytes: number;
  /** What is counted by; requests for which it is empty are not. */
  readonly variable: Token<'identifier'>;
  /** Null: everybody is. */
  readonly exempt: Exempt | null;
}

/** Clients that are never limited: their key is empty. */
interface Exempt {
  readonly flag: Token<'identifier'>;
  readonly key: Token<'identifier'>;
  readonly variable: Token<'identifier'>;
  readonly networks: readonly Token<'cidr'>[];
}

interface RequestLimit {
  readonly zone: Zone;
  readonly rate: number;
  readonly perMinute: boolean;
  /** 0: every request above the rate is refused. */
  readonly burst: number;
}

interface ConnectionLimit {
  readonly zone: Zone;
  readonly most: number;
}

/**
 * Limits requests and connections of each client address, and the speed of answers. The limits of an Ingress hold
 * for all of its routes together, on each replica by itself; what is above them gets 503.
 */
export const rateLimit = definePlugin({
  name: 'rate-limit',
  order: 400,
  annotations: {
    'limit-rps': limit(mostRate, 'Requests that one address may make in a second.'),
    'limit-rpm': limit(mostRate, 'Requests that one address may make in a minute.'),
    'limit-connections': limit(
      mostConnections,
      'Connections with a request in progress that one address may have.',
    ),
    'limit-burst-multiplier': annotation({
      ...integer(0, 1000),
      default: 5,
      protective: true,
      description: 'How many times the limit of requests may be used up at once.',
    }),
    'limit-allowlist': annotation<readonly Token<'cidr'>[]>({
      aliases: ['limit-whitelist'],
      ...cidrList,
      default: [],
      onInvalid: 'reject',
      protective: true,
      description: 'Addresses and networks that are not limited, separated by commas.',
    }),
    'limit-rate': speed('limit-rate', 'KiB per second of each answer; 0 is no limit.'),
    'limit-rate-after': speed('limit-rate-after', 'KiB of each answer before limit-rate holds.'),
  },
  routes({ settings, object, options }) {
    const rps = settings['limit-rps'];
    const rpm = settings['limit-rpm'];
    const connections = settings['limit-connections'];
    const multiplier = settings['limit-burst-multiplier'];
    const variable = options['limit-conn-zone-variable'];
    const exempt = exemptOf(settings['limit-allowlist'], variable);
    const requests = [
      { rate: rps, perMinute: false },
      { rate: rpm, perMinute: true },
    ]
      .filter(({ rate }) => rate > 0)
      .map((each): RequestLimit => {
        const zone = zoneOf(object, [each.perMinute ? 'rpm' : 'rps', String(each.rate)], variable, exempt);
        return { ...each, zone, burst: each.rate * multiplier };
      });
    const held: ConnectionLimit | null =
      connections > 0
        ? { zone: zoneOf(object, ['connections', ''], variable, exempt), most: connections }
        : null;
    const rate = settings['limit-rate'];
    const rateAfter = settings['limit-rate-after'];
    return requests.length > 0 || held !== null || rate > 0 || rateAfter > 0
      ? {
          location: { requests, connections: held, rate, rateAfter },
          names: [
            ...[...requests, ...(held === null ? [] : [held])].map(({ zone }) => zone.name.text),
            ...(exempt === null ? [] : [exempt.flag.text, exempt.key.text]),
          ],
        }
      : {};
  },
  http(used, { options }) {
    const requests = unique(used.flatMap((settings) => settings['requests'] as readonly RequestLimit[]));
    const connections = unique(
      used.flatMap((settings) => (settings['connections'] as ConnectionLimit | null) ?? []),
    );
    if (requests.length + connections.length === 0) {
      return null;
    }
    const exempt = new Map(
      [...requests, ...connections].flatMap(({ zone }): [string, Exempt][] =>
        zone.exempt === null ? [] : [[zone.exempt.key.text, zone.exempt]],
      ),
    );
    const settings: Settings = {
      exempt: byName(exempt),
      requests,
      connections,
      requestStatus: statusOf(options['limit-req-status-code']),
      connectionStatus: statusOf(options['limit-conn-status-code']),
    };
    return settings;
  },
  proves: (_slot, { requests, connections, rate }) => [
    ...((requests as readonly RequestLimit[]).length > 0 ? ['limit_req'] : []),
    ...(connections === null ? [] : ['limit_conn']),
    ...(rate === 0 ? [] : ['limit_rate']),
  ],
});

/** Null where nginx does so by itself. */
function statusOf(status: number): number | null {
  return status === 503 ? null : status;
}

function limit(most: number, description: string): AnnotationSpec<number> {
  return annotation<number>({
    ...integer(0, most),
    default: 0,
    onInvalid: 'reject',
    protective: true,
    description: `${description} 0 is no limit.`,
  });
}

/** ingress-nginx takes a wrong value for none, which leaves answers unlimited. */
function speed(option: 'limit-rate' | 'limit-rate-after', description: string): AnnotationSpec<number> {
  return annotation<number>({
    option,
    ...integer(0, 1_000_000_000),
    default: 0,
    onInvalid: 'deny',
    protective: true,
    description,
  });
}

function exemptOf(networks: readonly Token<'cidr'>[], variable: Token<'identifier'>): Exempt | null {
  if (networks.length === 0) {
    return null;
  }
  const hash = hashOf([...networks.map(({ text }) => text), ...keyOf(variable)]);
  return {
    flag: identifier(`unlimited_${hash}`),
    key: identifier(`limit_key_${hash}`),
    variable,
    networks: inGeo(networks),
  };
}

/**
 * A zone that is kept over a reload must not change its key or its rate: nginx passes such a configuration in its
 * test and then fails to load it. So its name has a hash of all of it.
 */
function zoneOf(
  object: ObjectKey,
  [kind, parameters]: readonly [string, string],
  variable: Token<'identifier'>,
  exempt: Exempt | null,
): Zone {
  const key = [exempt?.key.text ?? '', ...keyOf(variable)];
  const hash = hashOf([object, kind, parameters, String(zoneMebibytes), ...key]);
  const [, namespace = '', name = ''] = object.split('/');
  const readable = `${namespace}_${name}`.replaceAll(/[^A-Za-z0-9_-]/gu, '-').slice(0, 120);
  return { name: identifier(`${readable}_${kind}_${hash}`), megabytes: zoneMebibytes, variable, exempt };
}

/** What makes a zone another one; nothing for what is usual, so that zones keep their names and counts. */
function keyOf({ text }: Token<'identifier'>): string[] {
  return text === 'binary_remote_addr' ? [] : [text];
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

function unique<T extends { readonly zone: Zone }>(limits: readonly T[]): T[] {
  return byName(new Map(limits.map((each) => [each.zone.name.text, each])));
}

function byName<T>(map: ReadonlyMap<string, T>): T[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
