import type { ModuleForm, OptionalModule } from './optional-module.ts';

/** What an nginx can do: detected once from the binary and passed in as data, so that rendering stays pure. */
export interface Capabilities {
  /** As nginx prints it, for example `1.22.1`. */
  readonly version: string;
  /** `http2 on;` as a directive of its own (1.25.1); before that a parameter of `listen`. */
  readonly http2Directive: boolean;
  readonly http2: boolean;
  readonly http3: boolean;
  /** `keepalive_min_timeout` (1.27.4): without it a reload resets idle keep-alive connections in use. */
  readonly keepaliveMinTimeout: boolean;
  /** `server NAME resolve` in an upstream, open source since 1.27.3. */
  readonly upstreamResolve: boolean;
  /** Upstream connections are kept alive and HTTP/1.1 is spoken by default (1.29.7). */
  readonly upstreamKeepaliveDefault: boolean;
  /** `sticky cookie` in open-source nginx (1.29.6). */
  readonly stickyCookie: boolean;
  /** `ssl_reject_handshake` (1.19.4). */
  readonly sslRejectHandshake: boolean;
  readonly ssl: boolean;
  readonly grpc: boolean;
  readonly realip: boolean;
  readonly authRequest: boolean;
  readonly stubStatus: boolean;
  /** `absent`, built in, or the absolute path of the dynamic module to load. */
  readonly stream: 'absent' | 'builtin' | { readonly modulePath: string };
  /** Modules that are no part of nginx. */
  readonly modules: Readonly<Record<OptionalModule, ModuleForm>>;
  /** Rules of ModSecurity that nginx can read; null where there are none. */
  readonly secRulesPath: string | null;
  /** Those of the OWASP Core Rule Set, in the order to read them in; none where it is not there. */
  readonly coreRules: readonly string[];
  /** `set_real_ip_from` in stream. */
  readonly streamRealip: boolean;
  /** `ssl_preread` in stream: the name that a TLS client asks for, without ending TLS. */
  readonly streamSslPreread: boolean;
  /** Files are read and written by threads (`--with-threads`). */
  readonly threads: boolean;
  readonly ipv6: boolean;
  /** Absolute path of the `mime.types` beside the binary's configuration, or null where there is none. */
  readonly mimeTypesPath: string | null;
}
