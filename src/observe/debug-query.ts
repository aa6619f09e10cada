import { isIP } from 'node:net';
import type { Context } from 'hono';
import { parseObjectKey } from '../model/object-ref.ts';
import type { Kind, ObjectKey } from '../model/object-ref.ts';
import type { LineRange } from './debug-text.ts';
import type { Refusal } from './http-server-app.ts';

/** A record, so that the compiler misses a kind that is new. */
const kinds: Readonly<Record<Kind, true>> = {
  Ingress: true,
  IngressClass: true,
  Service: true,
  EndpointSlice: true,
  Endpoints: true,
  Secret: true,
  ConfigMap: true,
  Namespace: true,
};
export const kindNames: readonly string[] = Object.keys(kinds);

export type Query = ReadonlyMap<string, string>;

/**
 * The parameters of a request: each of them allowed, and given once; otherwise a 400 that says which are. `format` is
 * always allowed and read by `readFormat`.
 */
export function readQuery(context: Context, allowed: readonly string[]): Query | Refusal {
  const query = new Map<string, string>();
  for (const [name, value] of new URL(context.req.url).searchParams) {
    if (name === 'format') {
      continue;
    }
    if (!allowed.includes(name)) {
      return bad(`unknown parameter "${name}"`, { allowed });
    }
    if (query.has(name)) {
      return bad(`parameter "${name}" is given twice; give it once`);
    }
    query.set(name, value);
  }
  return query;
}

/** A whole number from 1, null where the parameter is absent. */
export function readNumber(query: Query, name: string): number | null | Refusal {
  const value = query.get(name);
  if (value === undefined) {
    return null;
  }
  return /^[1-9]\d{0,8}$/.test(value)
    ? Number(value)
    : bad(`${name}: "${value}" is not a whole number from 1, for example ${name}=3`);
}

/** `lines=10-20` or `lines=10`; null where it is absent. */
export function readLines(query: Query): LineRange | null | Refusal {
  const value = query.get('lines');
  if (value === undefined) {
    return null;
  }
  const match = /^([1-9]\d{0,8})(?:-([1-9]\d{0,8}))?$/.exec(value);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  return match !== null && first <= last
    ? { first, last }
    : bad(`lines: "${value}" is not a range of lines counted from 1, for example lines=10-20`);
}

/** `object=Kind/namespace/name`, as all logs and verdicts print it; null where it is absent. */
export function readObject(query: Query): ObjectKey | null | Refusal {
  const value = query.get('object');
  if (value === undefined) {
    return null;
  }
  const ref = parseObjectKey(value);
  return ref !== null && kindNames.includes(ref.kind)
    ? value
    : bad(`object: "${value}" is not Kind/namespace/name, for example Ingress/default/shop`, {
        kinds: kindNames,
      });
}

/** One of a set; null where the parameter is absent. */
export function readChoice<T extends string>(
  query: Query,
  name: string,
  choices: readonly T[],
): T | null | Refusal {
  const value = query.get(name);
  if (value === undefined) {
    return null;
  }
  return (
    choices.find((choice) => choice === value) ?? bad(`${name}: "${value}" is unknown`, { allowed: choices })
  );
}

function bad(message: string, more: Readonly<Record<string, unknown>> = {}): Refusal {
  return { refused: 400, message, more };
}

/**
 * Against DNS rebinding: a web page that points its own host name at 127.0.0.1 reads what the browser's user may
 * read, and its requests name that host. So a request must name `localhost`, an address (a page cannot rebind that:
 * its origin would be this server) or a host that the operator has allowed. Null means that it may go on.
 */
export function refuseForeignHost(context: Context, allowedHosts: readonly string[]): Refusal | null {
  const header = context.req.header('host') ?? new URL(context.req.url).host;
  const host = header.replace(/:\d+$/, '').toLowerCase();
  const address = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (host === 'localhost' || isIP(address) !== 0 || allowedHosts.includes(host)) {
    return null;
  }
  return {
    refused: 403,
    message: `host "${header}" is not served here; use localhost or the address, for example through kubectl port-forward`,
  };
}

/**
 * Against pages of other origins that have a browser ask here, though they cannot read the answer: what is asked may
 * be work. Browsers say where a request comes from, and a page cannot say otherwise. Links from elsewhere may open a
 * page, but not ask for an explanation. Null means that it may go on.
 */
export function refuseForeignPage(context: Context): Refusal | null {
  const site = context.req.header('sec-fetch-site');
  if (site !== 'cross-site' && site !== 'same-site') {
    return null;
  }
  const { pathname, search } = new URL(context.req.url);
  const isLink =
    context.req.header('sec-fetch-mode') === 'navigate' &&
    context.req.header('sec-fetch-dest') === 'document';
  if (isLink && (pathname !== '/debug/explain' || search === '')) {
    return null;
  }
  return {
    refused: 403,
    message: 'a page of another site asks for this: open the address yourself, in a new tab',
  };
}
