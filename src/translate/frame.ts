import { isIP } from 'node:net';
import type { Capabilities } from '../model/capabilities.ts';
import type {
  HttpSettings,
  Listener,
  LogTarget,
  MainSettings,
  ProxiesInFront,
  Server,
} from '../model/model.ts';
import { handedOn } from './default-headers.ts';
import { inGeo } from '../model/cidr-list.ts';
import { parseAddress } from '../model/network.ts';
import { seconds } from '../model/quantity.ts';
import { refused, token, type Token } from '../model/token.ts';
import { file, identifier, keyword } from '../model/words.ts';
import type { Options } from '../options/options.ts';
import { namesInLog } from '../plugins/location-variables.ts';
import { globalSecRules } from './optional-modules.ts';
import { logTargetsOf } from './log-targets.ts';
import type { TranslateSettings } from './settings.ts';
import { trafficLogPath } from './traffic.ts';

/** What nginx needs for a bucket: two pointers, the name, its length, all aligned. In bytes on 64-bit machines. */
const pointer = 8;

const dnsPort = 53;

/** The main and events contexts. */
export function mainSettings(
  settings: TranslateSettings,
  options: Options,
  modules: readonly Token<'file'>[],
): MainSettings {
  const { stateDir, workerProcesses } = settings;
  return {
    workerProcesses:
      options['worker-processes'] ?? (workerProcesses === 'auto' ? keyword('auto') : workerProcesses),
    workerShutdownTimeout: options['worker-shutdown-timeout'] ?? seconds(settings.workerShutdownTimeout),
    pidPath: file(`${stateDir}/run/nginx.pid`),
    errorLogPath: file(`${stateDir}/logs/error.log`),
    moreErrorLogs: logTargetsOf(options).error,
    modules,
  };
}

/** Where nginx may write. */
export function temporaryPath({ stateDir }: TranslateSettings): Token<'file'> {
  return file(`${stateDir}/temp`);
}

function accessLogPath({ stateDir }: TranslateSettings, options: Options): Token<'file'> | null {
  return options['disable-access-log'] || options['disable-http-access-log']
    ? null
    : file(`${stateDir}/logs/access.log`);
}

/** All that requests are logged to, but for the log that they are counted from. */
export function accessLogs(settings: TranslateSettings, options: Options): LogTarget[] {
  const own = accessLogPath(settings, options);
  return own === null ? [] : [{ target: own, parameters: [] }, ...logTargetsOf(options).http];
}

/** The http context, but for what plugins add. */
export function httpSettings(
  settings: TranslateSettings,
  capabilities: Capabilities,
  options: Options,
  servers: readonly Server[],
): Omit<
  HttpSettings,
  | 'tlsBehindStream'
  | 'additions'
  | 'optionsOrigin'
  | 'requestHeaders'
  | 'responseHeaders'
  | 'dhParametersPath'
> {
  const { stateDir } = settings;
  return {
    accessLogPath: accessLogPath(settings, options),
    trafficLogPath: trafficLogPath(settings),
    moreAccessLogs: logTargetsOf(options).http,
    logVariables: namesInLog(options).map((name) => identifier(name)),
    strictTransportSecurity: strictTransportSecurity(options),
    proxiesInFront: capabilities.realip ? proxiesInFront(options) : null,
    trustsForwardedHeaders: capabilities.realip && options['use-forwarded-headers'],
    secRules: globalSecRules(options, capabilities),
    statusFor: capabilities.stubStatus
      ? [...options['nginx-status-ipv4-whitelist'], ...options['nginx-status-ipv6-whitelist']]
      : [],
    blocks: [options['block-cidrs'], options['block-user-agents'], options['block-referers']].some(
      (list) => list.length > 0,
    ),
    nextUpstream: options['retry-non-idempotent']
      ? [...options['proxy-next-upstream'], keyword('non_idempotent')]
      : options['proxy-next-upstream'],
    mimeTypesPath: capabilities.mimeTypesPath === null ? null : file(capabilities.mimeTypesPath),
    privateSocketPath: file(`${stateDir}/run/private.sock`),
    temporaryPath: temporaryPath(settings),
    resolvers: readResolvers(settings.resolvers),
    resolverIpv6: capabilities.ipv6 && !options['disable-ipv6-dns'],
    httpsPort: settings.httpsPort,
    ...hashSizes(servers, options),
  };
}

function strictTransportSecurity(options: Options): Token<'text'> | null {
  if (!options.hsts) {
    return null;
  }
  const subdomains = options['hsts-include-subdomains'] ? '; includeSubDomains' : '';
  const preload = options['hsts-preload'] ? '; preload' : '';
  return token('text', `max-age=${options['hsts-max-age']}${subdomains}${preload}`);
}

function proxiesInFront(options: Options): ProxiesInFront | null {
  const trustsHeaders = options['use-forwarded-headers'];
  const proxyProtocol = options['use-proxy-protocol'];
  return trustsHeaders || proxyProtocol || options['enable-real-ip']
    ? {
        networks: inGeo(options['proxy-real-ip-cidr']),
        proxyProtocol,
        addressHeader: options['forwarded-for-header'],
        trustsHeaders,
        wholeChain: trustsHeaders && options['compute-full-forwarded-for'],
        handedOn: trustsHeaders ? handedOn : [],
      }
    : null;
}

/** The addresses that the operator binds nginx to, with a port; none for all. */
export function addressesOn(port: number, ipv6: boolean, options: Options): Token<'address'>[] {
  const usable = options['bind-address'].filter((ip) => ipv6 || isIP(ip) === 4);
  return usable.flatMap((ip) => {
    const address = parseAddress(ip, port);
    return refused(address) ? [] : [address.value];
  });
}

/** The ports for HTTP and, where nginx can, HTTPS. */
export function listeners(
  settings: TranslateSettings,
  capabilities: Capabilities,
  options: Options,
): Listener[] {
  const ipv6 = capabilities.ipv6 && !options['disable-ipv6'];
  function listener(protocol: Listener['protocol'], port: number): Listener {
    return {
      id: protocol,
      protocol,
      port,
      ipv6,
      addresses: addressesOn(port, ipv6, options),
      socket: null,
      proxyProtocol: options['use-proxy-protocol'] && capabilities.realip,
      reusePort: options['reuse-port'],
    };
  }
  const http = listener('http', settings.httpPort);
  return capabilities.ssl ? [http, listener('https', settings.httpsPort)] : [http];
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
  options: Options,
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
    serverNamesHashBucketSize: powerOfTwo(
      Math.max(options['server-name-hash-bucket-size'], 2 * pointer + name),
    ),
    serverNamesHashMaxSize: powerOfTwo(Math.max(options['server-name-hash-max-size'], total)),
  };
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}
