import { access } from './access.ts';
import { clientAddress } from './client-address.ts';
import { compression } from './compression.ts';
import { connections } from './connections.ts';
import { logging } from './logging.ts';
import type { OptionsOf, OptionSpec } from './option.ts';
import { proxying } from './proxying.ts';
import { redirects } from './redirects.ts';
import { tls } from './tls.ts';

/** The groups of the documentation. */
export const optionGroups = {
  connections,
  proxying,
  'client address': clientAddress,
  tls,
  redirects,
  access,
  compression,
  logging,
};

const table = {
  ...connections,
  ...proxying,
  ...clientAddress,
  ...tls,
  ...redirects,
  ...access,
  ...compression,
  ...logging,
};

/** The global options, by their keys in the ConfigMap. */
export type Options = OptionsOf<typeof table>;

export type OptionName = keyof Options;

/** Every global option. */
export const optionTable: ReadonlyMap<string, OptionSpec> = new Map(Object.entries(table));

/** What holds without a ConfigMap. */
export const defaultOptions: Options = Object.fromEntries(
  Object.entries(table).map(([name, spec]) => [name, spec.default]),
) as unknown as Options;
