import { isIP } from 'node:net';
import { shown, token, type Parsed, type Token } from './token.ts';

/** Reads one endpoint: an IP address and a port from 1 to 65535. */
export function parseAddress(ip: string, port: number): Parsed<Token<'address'>> {
  const family = isIP(ip);
  // A zone such as fe80::1%eth0 passes isIP; nginx cannot read it.
  if (family === 0 || ip.includes('%')) {
    return { error: `${shown(ip)} is not an IP address` };
  }
  if (!isPort(port)) {
    return { error: `${port} is not a port: allowed is 1 to 65535` };
  }
  return { value: token('address', family === 6 ? `[${ip.toLowerCase()}]:${port}` : `${ip}:${port}`) };
}

/** True of a TCP or UDP port number. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** Reads an IP address, or a network such as `10.0.0.0/8`. */
export function parseCidr(text: string): Parsed<Token<'cidr'>> {
  const [ip = '', bits, ...rest] = text.trim().split('/');
  const family = isIP(ip);
  const longest = family === 6 ? 128 : 32;
  const given = bits === undefined ? longest : Number(bits);
  const badBits = bits !== undefined && (!/^\d{1,3}$/u.test(bits) || given > longest);
  if (family === 0 || ip.includes('%') || rest.length > 0 || badBits) {
    return {
      error: `${shown(text)} is not an IP address or network: write for example 10.0.0.0/8 or 2001:db8::/32`,
    };
  }
  const network = bits === undefined ? ip : `${ip}/${given}`;
  return { value: token('cidr', network.toLowerCase()) };
}
