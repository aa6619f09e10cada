import { refused } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { answerUrls } from './answer-urls.ts';
import { appRoot } from './app-root.ts';
import { backendProtocol } from './backend-protocol.ts';
import { basicAuth } from './basic-auth.ts';
import { balancing } from './balancing.ts';
import { buffers } from './buffers.ts';
import { canary } from './canary.ts';
import { clientCertificate } from './client-certificate.ts';
import { connectionHeader } from './connection-header.ts';
import { cors } from './cors.ts';
import { customErrors } from './custom-errors.ts';
import { customHeaders } from './custom-headers.ts';
import { defaultBackend } from './default-backend.ts';
import { externalAuth } from './external-auth.ts';
import { fastcgi } from './fastcgi.ts';
import { httpVersion } from './http-version.ts';
import { mirror } from './mirror.ts';
import { modsecurity } from './modsecurity.ts';
import { notYet } from './not-yet.ts';
import type { Plugin } from './plugin.ts';
import { proxySsl } from './proxy-ssl.ts';
import { rateLimit } from './rate-limit.ts';
import { redirect } from './redirect.ts';
import { PluginRegistry } from './registry.ts';
import { removed } from './removed.ts';
import { requestLog } from './request-log.ts';
import { retries } from './retries.ts';
import { rewrite } from './rewrite.ts';
import { serverAlias } from './server-alias.ts';
import { serviceUpstream } from './service-upstream.ts';
import { satisfy } from './satisfy.ts';
import { sourceRange } from './source-range.ts';
import { locationVariablesPlugin } from './location-variables.ts';
import { snippets } from './snippets.ts';
import { sslCiphers } from './ssl-ciphers.ts';
import { sslRedirect } from './ssl-redirect.ts';
import { sslPassthrough } from './ssl-passthrough.ts';
import { timeouts } from './timeouts.ts';
import { upstreamVhost } from './upstream-vhost.ts';
import { noUserPlugins, picksOf, type UserPlugins } from './user/picks.ts';
import { wwwRedirect } from './www-redirect.ts';

/** The features that annotations switch on. */
const features: readonly Plugin[] = [
  sslRedirect,
  sslPassthrough,
  backendProtocol,
  fastcgi,
  timeouts,
  buffers,
  retries,
  answerUrls,
  requestLog,
  rateLimit,
  sourceRange,
  satisfy,
  mirror,
  basicAuth,
  rewrite,
  redirect,
  appRoot,
  wwwRedirect,
  serverAlias,
  locationVariablesPlugin,
  upstreamVhost,
  connectionHeader,
  httpVersion,
  serviceUpstream,
  balancing,
  proxySsl,
  customHeaders,
  defaultBackend,
  customErrors,
  cors,
  externalAuth,
  clientCertificate,
  sslCiphers,
  snippets,
  modsecurity,
  removed,
];

/** What keeps annotations from failing open, and canaries from taking everything; cannot be switched off. */
const guards: readonly Plugin[] = [notYet, canary];

/** The plugins that `plugins.disabled` may name. */
export const builtinPluginNames: readonly string[] = features.map((plugin) => plugin.name);

/** What the registry of built-in plugins is made with. */
export interface BuiltinOptions {
  /** The configured prefix of annotations. */
  readonly prefix?: string;
  /** Names of plugins that do nothing but tell so; names that are no plugin's do nothing. */
  readonly disabled?: readonly string[];
  /** Users' plugins, for the routes that name them. */
  readonly users?: UserPlugins;
}

/** A registry of the built-in plugins. */
export function builtinPlugins(options: BuiltinOptions = {}): PluginRegistry {
  const registry = new PluginRegistry(options.prefix);
  const disabled = new Set(options.disabled);
  const chosen = features.map((plugin) => (disabled.has(plugin.name) ? switchedOff(plugin) : plugin));
  const users = options.users ?? noUserPlugins;
  for (const plugin of [...guards, ...chosen, picksOf(users), ...users.usable]) {
    const registered = registry.register(plugin);
    if (refused(registered)) {
      throw new TypeError(registered.error);
    }
  }
  return registry;
}

/** Keeps the table of a plugin, so that its annotations are told to have no effect and protections still close. */
export function switchedOff(plugin: Plugin): Plugin {
  return {
    name: plugin.name,
    order: plugin.order,
    annotations: plugin.annotations,
    ingress({ given, field }) {
      const deny: Reason[] = [];
      const differences: Reason[] = [];
      for (const name of given) {
        const list = plugin.annotations[name]?.protective === true ? deny : differences;
        const message = `plugin ${plugin.name} is switched off: ${name} has no effect`;
        list.push({ field: field(name) ?? '', message });
      }
      return { deny, differences };
    },
  };
}
