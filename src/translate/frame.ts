import { isIP } from 'node:net';
import type { Capabilities } from '../model/capabilities.ts';
import type { HttpSettings, Listener, MainSettings, Server } from '../model/model.ts';
import { parseAddress } from '../model/network.ts';
import { seconds } from '../model/quantity.ts';
import { refused, type Token } from '../model/token.ts';
import { file, keyword } from '../model/words.ts';
import { defaultRequestHeaders, defaultResponseHeaders } from './default-headers.ts';
import type { TranslateSettings } from './settings.ts';

/** As ingress-nginx's `max-worker-connections` unless it is set. */
const workerConnections = 16_384;

/** What nginx needs for a bucket: two pointers, the name, its length, all aligned. In bytes on 64-bit machines. */
const pointer = 8;

const leastBucket = 64;
const leastHash = 1024;

const dnsPort = 53;

/** The main and events contexts. */
export function mainSettings(settings: TranslateSettings): MainSettings {
  const { stateDir, workerProcesses } = settings;
  return {
    workerProcesses: workerProcesses === 'auto' ? keyword('auto') : workerProcesses,
    workerShutdownTimeout: seconds(settings.workerShutdownTimeout),
    workerConnections,
    pidPath: file(`${stateDir}/run/nginx.pid`),
    errorLogPath: file(`${stateDir}/logs/error.log`),
    // Modules are only needed for streams.
    modules: [],
  };
}

/** The http context, but for what plugins add. */
export function httpSettings(
  settings: TranslateSettings,
  capabilities: Capabilities,
  servers: readonly Server[],
): Omit<HttpSettings, 'additions'> {
  const { stateDir } = settings;
  return {
    accessLogPath: file(`${stateDir}/logs/access.log`),
    mimeTypesPath: capabilities.mimeTypesPath === null ? null : file(capabilities.mimeTypesPath),
    privateSocketPath: file(`${stateDir}/run/private.sock`),
    temporaryPath: file(`${stateDir}/temp`),
    resolvers: readResolvers(settings.resolvers),
    resolverIpv6: capabilities.ipv6,
    httpsPort: settings.httpsPort,
    requestHeaders: defaultRequestHeaders,
    responseHeaders: defaultResponseHeaders,
    ...hashSizes(servers),
  };
}

/** The ports for HTTP and, where nginx can, HTTPS. */
export function listeners(settings: TranslateSettings, { ssl, ipv6 }: Capabilities): Listener[] {
  const http: Listener = { id: 'http', protocol: 'http', port: settings.httpPort, ipv6 };
  const https: Listener = { id: 'https', protocol: 'https', port: settings.httpsPort, ipv6 };
  return ssl ? [http, https] : [http];
}

/** Name servers as nginx takes them; a text that is no address is left out, for the config file has been checked. */
export function readResolvers(resolvers: readonly string[]): Token<'address'>[] {
  return resolvers.flatMap((text) => {
    const address = readResolver(text);
    return address === null ? [] : [address];
  });
}

function readResolver(text: string): Token<'address'> | null {
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/u.exec(text);
  const [plain = '', plainPort] = isIP(text) === 0 ? text.split(':') : [text];
  const ip = bracketed?.[1] ?? plain;
  const port = bracketed === null ? plainPort : bracketed[2];
  const parsed = parseAddress(ip, port === undefined ? dnsPort : Number(port));
  return refused(parsed) ? null : parsed.value;
}

/**
 * nginx refuses to start where a name does not fit into a bucket. As in ingress-nginx both are powers of two: the
 * bucket for the longest name (with room for `www.`), the table for all names.
 */
function hashSizes(
  servers: readonly Server[],
): Pick<HttpSettings, 'serverNamesHashBucketSize' | 'serverNamesHashMaxSize'> {
  let longest = 0;
  let total = 0;
  for (const { names } of servers) {
    for (const { exact } of names) {
      longest = Math.max(longest, exact?.text.length ?? 0);
      total += exact?.text.length ?? 0;
    }
  }
  const name = Math.ceil((longest + 'www.'.length + 2) / pointer) * pointer;
  return {
    serverNamesHashBucketSize: powerOfTwo(Math.max(leastBucket, 2 * pointer + name)),
    serverNamesHashMaxSize: powerOfTwo(Math.max(leastHash, total)),
  };
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}
