import { isIP } from 'node:net';
import { z } from 'zod';
import type { ValueKind } from './value-kind.ts';

/** Where to listen or whom to ask. */
export interface Address {
  /** A host name or an IP address without brackets; empty for all addresses of the machine. */
  readonly host: string;
  /** 0 lets the operating system choose a free port. */
  readonly port: number;
}

const hostName =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*$/u;
const wildcards: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);
const loopbacks: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);

/** Reads `:8080`, `127.0.0.1:8081`, `localhost:80` and `[::1]:80`; null where the text is none of these. */
export function parseAddress(text: string): Address | null {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]*)):(\d{1,5})$/u.exec(text);
  if (match === null) {
    return null;
  }
  const [, bracketed, plain = '', digits = ''] = match;
  const portNumber = Number(digits);
  const host = bracketed ?? plain;
  const hostIsGood = bracketed === undefined ? host === '' || isHost(host) : isIP(host) === 6;
  return hostIsGood && portNumber <= 65_535 ? { host, port: portNumber } : null;
}

/** The form that `parseAddress` reads. */
export function formatAddress(address: Address): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

/** Whether two listeners would be in each other's way. */
export function overlap(one: Address, other: Address): boolean {
  if (one.port === 0 || one.port !== other.port) {
    return false;
  }
  const [a, b] = [one.host.toLowerCase(), other.host.toLowerCase()];
  // `localhost` is either loopback address, or both.
  const bothLocal = loopbacks.has(a) && loopbacks.has(b) && (a === 'localhost' || b === 'localhost');
  return a === b || wildcards.has(a) || wildcards.has(b) || bothLocal;
}

export function listenAddress(): ValueKind<Address> {
  return {
    type: 'address',
    allowed: 'host:port with a port from 0 to 65535, as in ":8080", "127.0.0.1:8081" or "[::1]:80"',
    shape: 'text',
    schema: parsed(parseAddress),
  };
}

/** The address of a DNS server; the port may be left out. */
export function resolverAddress(): ValueKind<Address> {
  return {
    type: 'IP address',
    allowed: 'an IP address, with a port or not, as in "10.96.0.10", "10.96.0.10:5353" or "[fd00::a]:53"',
    shape: 'text',
    schema: parsed((text) => {
      const address = isIP(text) ? { host: text, port: 53 } : parseAddress(text);
      return address !== null && isIP(address.host) !== 0 && address.port > 0 ? address : null;
    }),
  };
}

/** What may stand in an Ingress's `status.loadBalancer`. */
export function publishedAddress(): ValueKind<string> {
  return {
    type: 'address',
    allowed: 'an IP address or a host name without a port',
    shape: 'text',
    schema: z.string().refine((text) => isIP(text) !== 0 || isHost(text)),
  };
}

function isHost(text: string): boolean {
  // Four numbers that are no IPv4 address are a slip, never a host name.
  return isIP(text) === 4 || (hostName.test(text) && !/^[\d.]+$/u.test(text));
}

function parsed(parse: (text: string) => Address | null): z.ZodType<Address> {
  return z.string().transform((text, context) => {
    const address = parse(text);
    if (address === null) {
      context.addIssue({ code: 'custom', message: 'not an address' });
      return z.NEVER;
    }
    return address;
  });
}
