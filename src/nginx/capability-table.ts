import type { Capabilities } from '../model/capabilities.ts';
import {
  moduleFiles,
  optionalModules,
  type ModuleForm,
  type OptionalModule,
} from '../model/optional-module.ts';
import { configureValue } from './nginx-v.ts';
import { isAtLeast } from './version.ts';

/** The capabilities that come with a version of nginx, and that a fork may have at another. */
export const versionedFeatures = {
  http2Directive: '1.25.1',
  keepaliveMinTimeout: '1.27.4',
  upstreamResolve: '1.27.3',
  upstreamKeepaliveDefault: '1.29.7',
  stickyCookie: '1.29.6',
  sslRejectHandshake: '1.19.4',
} as const satisfies Partial<Record<keyof Capabilities, string>>;

export type VersionedFeature = keyof typeof versionedFeatures;

/** What version and configure arguments do not tell. */
export interface MachineFacts {
  readonly ipv6?: boolean;
  /** Of a `mime.types` that nginx can read. */
  readonly mimeTypesPath?: string | null;
  /** Modules that are part of the binary. */
  readonly builtinModules?: readonly OptionalModule[];
  readonly secRulesPath?: string | null;
  readonly coreRules?: readonly string[];
  /** What a probe has found; it wins over the version. */
  readonly probed?: Partial<Readonly<Record<VersionedFeature, boolean>>>;
}

/** File name of nginx's stream module where it is a module. */
export const streamModule = 'ngx_stream_module.so';

/**
 * What an nginx of this version can do that was built with these arguments. `modules`: absolute paths of the shared
 * objects that it can load. Pure, so that a golden file can be made for any nginx.
 */
export function capabilitiesOf(
  version: string,
  configureArguments: readonly string[],
  modules: readonly string[],
  facts: MachineFacts = {},
): Capabilities {
  function has(argument: string): boolean {
    return configureArguments.includes(`--${argument}`);
  }
  function can(feature: VersionedFeature): boolean {
    return facts.probed?.[feature] ?? isAtLeast(version, versionedFeatures[feature]);
  }
  const ssl = has('with-http_ssl_module');
  const http2 = has('with-http_v2_module');
  const hasZones = !has('without-http_upstream_zone_module');
  return {
    version,
    http2Directive: http2 && can('http2Directive'),
    http2,
    http3: ssl && has('with-http_v3_module'),
    keepaliveMinTimeout: can('keepaliveMinTimeout'),
    upstreamResolve: hasZones && can('upstreamResolve'),
    upstreamKeepaliveDefault:
      !has('without-http_upstream_keepalive_module') && can('upstreamKeepaliveDefault'),
    stickyCookie: !has('without-http_upstream_sticky_module') && can('stickyCookie'),
    sslRejectHandshake: ssl && can('sslRejectHandshake'),
    ssl,
    grpc: http2 && !has('without-http_grpc_module'),
    realip: has('with-http_realip_module'),
    authRequest: has('with-http_auth_request_module'),
    stubStatus: has('with-http_stub_status_module'),
    stream: streamOf(configureArguments, modules),
    modules: modulesOf(modules, facts.builtinModules ?? []),
    secRulesPath: facts.secRulesPath ?? null,
    coreRules: facts.coreRules ?? [],
    streamRealip: has('with-stream_realip_module'),
    streamSslPreread: has('with-stream_ssl_preread_module'),
    threads: has('with-threads'),
    ipv6: facts.ipv6 ?? true,
    mimeTypesPath: facts.mimeTypesPath ?? null,
  };
}

function streamOf(configureArguments: readonly string[], modules: readonly string[]): Capabilities['stream'] {
  if (configureArguments.includes('--with-stream')) {
    return 'builtin';
  }
  const modulePath = modules.find((path) => path.endsWith(`/${streamModule}`));
  const isDynamic = configureValue(configureArguments, 'with-stream') === 'dynamic';
  return isDynamic && modulePath !== undefined ? { modulePath } : 'absent';
}

function modulesOf(
  files: readonly string[],
  builtin: readonly OptionalModule[],
): Record<OptionalModule, ModuleForm> {
  const forms = optionalModules.map((name): [OptionalModule, ModuleForm] => {
    const modulePath = files.find((path) => path.endsWith(`/${moduleFiles[name].file}`));
    const loaded = modulePath === undefined ? 'absent' : { modulePath };
    return [name, builtin.includes(name) ? 'builtin' : loaded];
  });
  return Object.fromEntries(forms) as Record<OptionalModule, ModuleForm>;
}

/** What Debian's package and nginx.org's have in common. */
const commonArguments = [
  '--with-http_ssl_module',
  '--with-http_v2_module',
  '--with-http_realip_module',
  '--with-http_auth_request_module',
  '--with-http_stub_status_module',
  '--with-stream_realip_module',
  '--with-stream_ssl_preread_module',
  '--with-threads',
];

/**
 * Three nginx to render for without having them: Debian 12's with its stream module in a package of its own, the
 * stable branches of 2024 and 2026 as nginx.org builds them.
 */
export const capabilityPresets: Readonly<Record<'1.22' | '1.26' | '1.30', Capabilities>> = {
  '1.22': capabilitiesOf(
    '1.22.1',
    [...commonArguments, '--with-stream=dynamic'],
    [`/usr/lib/nginx/modules/${streamModule}`],
    { mimeTypesPath: '/etc/nginx/mime.types' },
  ),
  '1.26': capabilitiesOf('1.26.3', [...commonArguments, '--with-http_v3_module', '--with-stream'], [], {
    mimeTypesPath: '/etc/nginx/mime.types',
  }),
  '1.30': capabilitiesOf('1.30.6', [...commonArguments, '--with-http_v3_module', '--with-stream'], [], {
    mimeTypesPath: '/etc/nginx/mime.types',
  }),
};
