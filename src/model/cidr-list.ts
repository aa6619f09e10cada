import { isIPv6 } from 'node:net';
import { described, type Grammar } from './grammar.ts';
import { parseCidr } from './network.ts';
import { refused, shown, token, type Parsed, type Token } from './token.ts';
import { listPattern, pattern } from './value-type.ts';

/** More networks than this in one list are refused: each is a line of every location that has the list. */
const mostNetworks = 2000;

/**
 * Reads a list of IP addresses and networks separated by commas. Networks come out sorted and once each, without
 * host bits and in one spelling: nginx warns of the former and of networks that are in a `geo` twice. An empty list
 * is an error.
 */
export function parseCidrList(text: string): Parsed<readonly Token<'cidr'>[]> {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length === 0) {
    return { error: `${shown(text)} names no address: write for example 10.0.0.0/8,192.0.2.7` };
  }
  if (items.length > mostNetworks) {
    return { error: `it names ${items.length} networks: at most ${mostNetworks} are allowed` };
  }
  const networks: Token<'cidr'>[] = [];
  for (const item of items) {
    const cidr = parseCidr(item);
    if (refused(cidr)) {
      return cidr;
    }
    networks.push(cidr.value);
  }
  return { value: spelledAlike(networks) };
}

/** Networks sorted and once each, without host bits and in one spelling. */
export function spelledAlike(networks: readonly Token<'cidr'>[]): Token<'cidr'>[] {
  const found = new Map<string, Token<'cidr'>>();
  for (const cidr of networks) {
    const network = withoutHostBits(cidr);
    found.set(network.text, network);
  }
  return [...found.keys()].sort().flatMap((key) => found.get(key) ?? []);
}

/**
 * The same networks for a `geo`: `default` is the network of all addresses to nginx, so a `/0` beside it would be there
 * twice. Two halves stand for it.
 */
export function inGeo(networks: readonly Token<'cidr'>[]): Token<'cidr'>[] {
  return spelledAlike(spelledAlike(networks).flatMap(halvesOfAll));
}

function halvesOfAll(network: Token<'cidr'>): Token<'cidr'>[] {
  switch (network.text) {
    case '0.0.0.0/0':
      return [token('cidr', '0.0.0.0/1'), token('cidr', '128.0.0.0/1')];
    case '::/0':
      return [token('cidr', '::/1'), token('cidr', '8000::/1')];
    default:
      return [network];
  }
}

const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const ipv4 = `(?:${octet}\\.){3}${octet}(?:/(?:0{0,2}[0-9]|0?[12][0-9]|0?3[0-2]))?`;

/** As narrow as a pattern of one line can be. */
const ipv6 = '[0-9A-Fa-f:.]{0,40}:[0-9A-Fa-f:.]{0,40}(?:/(?:0{0,2}[0-9]|0?[1-9][0-9]|1[01][0-9]|12[0-8]))?';

/** One address or network, for the types of lists. */
export const cidrPattern = `${ipv4}|${ipv6}`;

/** A list of addresses and networks separated by commas, which is not empty. */
export const cidrList: Grammar<readonly Token<'cidr'>[]> = described(parseCidrList, {
  name: 'list of addresses',
  allowed: 'IP addresses and networks separated by commas, for example 10.0.0.0/8,192.0.2.7',
  shape: pattern(listPattern(cidrPattern)),
  samples: ['10.0.0.0/8', '192.0.2.7, 2001:db8::/32'],
});

/** The network that an address with a prefix length stands for; an address alone is itself. */
function withoutHostBits(cidr: Token<'cidr'>): Token<'cidr'> {
  const [ip = '', length] = cidr.text.split('/');
  const isLong = isIPv6(ip);
  const bits = isLong ? 128 : 32;
  const prefix = length === undefined ? bits : Number(length);
  const hostBits = BigInt(bits - prefix);
  const network = ((isLong ? numberOfIPv6(ip) : numberOfIPv4(ip)) >> hostBits) << hostBits;
  const spelled = isLong ? spelledIPv6(network) : spelledIPv4(network);
  return token('cidr', prefix === bits ? spelled : `${spelled}/${prefix}`);
}

function numberOfIPv4(ip: string): bigint {
  return ip.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function spelledIPv4(number: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((number >> shift) & 0xffn)).join('.');
}

function numberOfIPv6(ip: string): bigint {
  const [before = '', after] = groupsOnly(ip).split('::');
  const left = before === '' ? [] : before.split(':');
  const right = after === undefined || after === '' ? [] : after.split(':');
  const gap = after === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array.from({ length: gap }, () => '0'), ...right];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** The last 32 bits may be written as an IPv4 address. */
function groupsOnly(ip: string): string {
  const dotted = /[\d.]+$/u.exec(ip)?.[0] ?? '';
  if (!dotted.includes('.')) {
    return ip;
  }
  const number = numberOfIPv4(dotted);
  const groups = `${(number >> 16n).toString(16)}:${(number & 0xffffn).toString(16)}`;
  return ip.slice(0, -dotted.length) + groups;
}

/** The longest run of zeros is left out (RFC 5952), as the URL parser of the platform does it. */
function spelledIPv6(number: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((number >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}
