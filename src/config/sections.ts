import type { KeyDefinition, SectionDefinition, SectionValues } from './key.ts';
import { kubernetes } from './kubernetes-keys.ts';
import { nginx } from './nginx-keys.ts';
import { debug, log, metrics, plugins, server } from './server-keys.ts';

/** The whole config file, section by section. Everything about its keys is said here and nowhere else. */
export const sections = { server, metrics, debug, kubernetes, nginx, plugins, log } as const;

export type SectionName = keyof typeof sections;

/** The settings of the program, read and checked. Names carry their unit where they have one. */
export interface GatewayConfig {
  readonly server: SectionValues<typeof server>;
  readonly metrics: SectionValues<typeof metrics>;
  readonly debug: SectionValues<typeof debug>;
  readonly kubernetes: SectionValues<typeof kubernetes>;
  readonly nginx: SectionValues<typeof nginx>;
  readonly plugins: SectionValues<typeof plugins>;
  readonly log: SectionValues<typeof log>;
}

/** A key together with where it stands. */
export interface LocatedKey {
  readonly section: SectionName;
  /** The name in `GatewayConfig`. */
  readonly property: string;
  /** As errors name it: `nginx.http_port`. */
  readonly dotted: string;
  /** The environment variable that overrides it: `CNG_NGINX_HTTP_PORT`. */
  readonly variable: string;
  readonly definition: KeyDefinition<unknown>;
}

export const environmentPrefix = 'CNG_';

/** Every key of the config file, in the order of the documentation. */
export const allKeys: readonly LocatedKey[] = Object.entries(sections).flatMap(([section, { keys }]) =>
  Object.entries(keys).map(([property, definition]: [string, KeyDefinition<unknown>]) => ({
    section: section as SectionName,
    property,
    dotted: `${section}.${definition.name}`,
    variable: `${environmentPrefix}${section}_${definition.name}`.toUpperCase(),
    definition,
  })),
);

/** A section without the types of its keys. */
export function sectionOf(
  name: SectionName,
): SectionDefinition<Readonly<Record<string, KeyDefinition<unknown>>>> {
  return sections[name];
}
