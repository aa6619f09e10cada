import { BlockList, isIP } from 'node:net';
import type { Token } from '../model/token.ts';

/** Whether an address is in one of some networks; null where nobody knows the address and it makes a difference. */
export function isWithin(address: string | null, networks: readonly Token<'cidr'>[]): boolean | null {
  if (networks.length === 0) {
    return false;
  }
  if (address === null) {
    const texts = new Set(networks.map(({ text }) => text));
    // As `inGeo` writes a network of all addresses.
    const isAll = texts.has('0.0.0.0/0') || (texts.has('0.0.0.0/1') && texts.has('128.0.0.0/1'));
    return isAll ? true : null;
  }
  const list = new BlockList();
  for (const { text } of networks) {
    const [ip = '', bits] = text.split('/');
    const family = isIP(ip) === 6 ? 'ipv6' : 'ipv4';
    const all = family === 'ipv6' ? 128 : 32;
    list.addSubnet(ip, bits === undefined ? all : Number(bits), family);
  }
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/**
 * The address that counts (`$remote_addr`) where a proxy in front tells it in a header: as nginx's realip with
 * `real_ip_recursive`, from the last address back to the first that is no proxy's.
 */
export function realAddress(
  connection: string | null,
  header: string,
  proxies: readonly Token<'cidr'>[],
): string | null {
  if (connection === null || isWithin(connection, proxies) !== true) {
    return connection;
  }
  const chain = header
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  let address = connection;
  for (const each of chain.toReversed()) {
    const bare =
      /^\[([^\]]+)\]/u.exec(each)?.[1] ?? (each.split(':').length === 2 ? each.replace(/:.*/u, '') : each);
    if (isIP(bare) === 0) {
      return address;
    }
    address = bare;
    if (isWithin(address, proxies) !== true) {
      return address;
    }
  }
  return address;
}
