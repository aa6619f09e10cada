import { access } from './access.ts';
import { clientAddress } from './client-address.ts';
import { compression } from './compression.ts';
import { connections } from './connections.ts';
import { errorPages } from './error-pages.ts';
import { firewall } from './firewall.ts';
import { globalAuth } from './global-auth.ts';
import { logTargets } from './log-targets.ts';
import { logging } from './logging.ts';
import type { OptionsOf, OptionSpec } from './option.ts';
import { proxying } from './proxying.ts';
import { redirects } from './redirects.ts';
import { snippets } from './snippets.ts';
import { streams } from './streams.ts';
import { tls } from './tls.ts';

/** The groups of the documentation. */
export const optionGroups = {
  connections,
  proxying,
  'client address': clientAddress,
  tls,
  redirects,
  'error pages': errorPages,
  access,
  'global authentication': globalAuth,
  firewall,
  compression,
  logging,
  'log targets': logTargets,
  streams,
  snippets,
};

const table = {
  ...connections,
  ...proxying,
  ...clientAddress,
  ...tls,
  ...redirects,
  ...errorPages,
  ...access,
  ...globalAuth,
  ...firewall,
  ...compression,
  ...logging,
  ...logTargets,
  ...streams,
  ...snippets,
};

/** The global options, by their keys in the ConfigMap. */
export type Options = OptionsOf<typeof table>;

export type OptionName = keyof Options;

/** What the templates see: without what only translation needs. */
export type PrintableOptions = Omit<Options, (typeof unprintable)[number]>;

const unprintable = [
  'proxy-set-headers',
  'add-headers',
  'annotations-risk-level',
  'bind-address',
  'allowed-snippet-directives',
  'modsecurity-snippet',
  'allow-cross-namespace-resources',
  'nginx-status-ipv4-whitelist',
  'nginx-status-ipv6-whitelist',
  'access-log-path',
  'access-log-params',
  'http-access-log-path',
  'stream-access-log-path',
  'error-log-path',
  'syslog-host',
  'ssl-dh-param',
  'proxy-cookie-domain',
  'proxy-cookie-path',
  'global-auth-url',
  'global-auth-method',
  'global-auth-signin',
  'global-auth-signin-redirect-param',
  'global-auth-response-headers',
  'global-auth-request-redirect',
  'global-auth-cache-key',
  'global-auth-cache-duration',
  'global-auth-always-set-cookie',
  'global-auth-snippet',
] as const;

/** Every global option. */
export const optionTable: ReadonlyMap<string, OptionSpec> = new Map(Object.entries(table));

/** What holds without a ConfigMap. */
export const defaultOptions: Options = Object.fromEntries(
  Object.entries(table).map(([name, spec]) => [name, spec.default]),
) as unknown as Options;

/** Values that are tokens, numbers and booleans throughout. */
export function printable(options: Options): PrintableOptions {
  const names: readonly string[] = unprintable;
  const kept = Object.entries(options).filter(([name]) => !names.includes(name));
  return Object.fromEntries(kept) as unknown as PrintableOptions;
}
