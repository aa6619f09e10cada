import { type ConfigError, showValue } from './config-error.ts';
import { findContradictions } from './cross-checks.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { type Origin, readKey, spread } from './read-key.ts';
import {
  allKeys,
  type GatewayConfig,
  type LocatedKey,
  sectionOf,
  sections,
  type SectionName,
} from './sections.ts';
import { nearest } from './suggest.ts';
import { readYaml, type YamlSource } from './yaml-source.ts';

export interface LoadedConfig {
  readonly config: GatewayConfig;
  /** What each dotted key was set to, the default where it was not; for telling what an edit changed. */
  readonly values: ReadonlyMap<string, unknown>;
}

export type LoadResult = LoadedConfig | { readonly errors: readonly ConfigError[] };

/**
 * Reads the settings: the text of the config file, overridden by `CNG_…` variables of the environment, with defaults
 * for the rest. `path` is only named in errors. All errors are found, not just the first. An empty text is all defaults,
 * and so is an empty section or key.
 */
export function loadConfig(text: string, environment: Environment, path: string): LoadResult {
  const yaml = readYaml(text);
  const fromEnvironment = readEnvironment(environment);
  const errors: ConfigError[] = yaml.problems.map(({ key, value, message, place }) => ({
    key,
    value,
    message,
    source: path,
    ...spread(place),
  }));
  const fileValues = new Map<string, unknown>();
  const reader: Reader = { yaml, path, errors, fileValues };
  readSections(reader);
  errors.push(...fromEnvironment.errors);

  const values = new Map<string, unknown>();
  const draft = Object.fromEntries(
    Object.keys(sections).map((name): [string, Record<string, unknown>] => [name, {}]),
  );
  const origins = new Map<string, Origin>();
  for (const key of allKeys) {
    const origin = originOf(key, fromEnvironment.values, reader);
    origins.set(key.dotted, origin);
    values.set(key.dotted, origin.value);
    const section = draft[key.section];
    if (section !== undefined) {
      section[key.property] = readKey(key, origin, errors);
    }
  }
  const config = draft as unknown as GatewayConfig;
  errors.push(...contradictions(config, origins, errors));
  return errors.length > 0 ? { errors: inFileOrder(errors) } : { config: deepFreeze(config), values };
}

/** The settings with `--manifests` of the command line in the place of `kubernetes.manifests`; none given changes nothing. */
export function withManifests(config: GatewayConfig, paths: readonly string[]): GatewayConfig {
  return paths.length === 0
    ? config
    : deepFreeze({ ...config, kubernetes: { ...config.kubernetes, manifests: [...paths] } });
}

interface Reader {
  readonly yaml: YamlSource;
  readonly path: string;
  readonly errors: ConfigError[];
  readonly fileValues: Map<string, unknown>;
}

function readSections(reader: Reader): void {
  const root = reader.yaml.value;
  if (root === null) {
    return;
  }
  if (!isMapping(root)) {
    refuse(
      reader,
      '',
      root,
      `${showValue(root)} is not allowed: give sections (${Object.keys(sections).join(', ')})`,
    );
    return;
  }
  for (const [name, content] of Object.entries(root)) {
    if (!Object.hasOwn(sections, name)) {
      refuseKey(reader, name, unknownSection(name));
    } else if (isMapping(content)) {
      readKeys(reader, name as SectionName, content);
    } else if (content !== null) {
      refuse(
        reader,
        name,
        content,
        `${showValue(content)} is not allowed: give keys, each on its own line below`,
      );
    }
  }
}

function readKeys(reader: Reader, section: SectionName, content: Readonly<Record<string, unknown>>): void {
  const known = new Set(Object.values(sectionOf(section).keys).map((definition) => definition.name));
  for (const [name, value] of Object.entries(content)) {
    const dotted = `${section}.${name}`;
    if (!known.has(name)) {
      refuseKey(reader, dotted, unknownKey(section, name, known));
    } else if (value !== null) {
      reader.fileValues.set(dotted, value);
    }
  }
}

function unknownSection(name: string): string {
  const asKey = allKeys.find(({ definition }) => definition.name === name);
  const meant = nearest(name, Object.keys(sections));
  if (meant !== null) {
    return `there is no such section: did you mean ${meant}?`;
  }
  return asKey === undefined
    ? `there is no such section: known are ${Object.keys(sections).join(', ')}`
    : `there is no such section: did you mean the key ${asKey.dotted}?`;
}

function unknownKey(section: SectionName, name: string, known: ReadonlySet<string>): string {
  const elsewhere = allKeys.find(({ definition }) => definition.name === name);
  const meant = nearest(name, known);
  if (elsewhere !== undefined) {
    return `there is no such key in ${section}: did you mean ${elsewhere.dotted}?`;
  }
  return meant === null
    ? `there is no such key: known in ${section} are ${[...known].join(', ')}`
    : `there is no such key: did you mean ${section}.${meant}?`;
}

function originOf(key: LocatedKey, overrides: ReadonlyMap<string, unknown>, reader: Reader): Origin {
  if (overrides.has(key.dotted)) {
    const source = `environment variable ${key.variable}`;
    return { value: overrides.get(key.dotted), source, place: nowhere, isSet: true };
  }
  if (reader.fileValues.has(key.dotted)) {
    const value = reader.fileValues.get(key.dotted);
    return {
      value,
      source: reader.path,
      place: (item) => reader.yaml.placeOf(key.dotted + item),
      isSet: true,
    };
  }
  return { value: key.definition.fallback, source: 'default', place: nowhere, isSet: false };
}

function nowhere(): null {
  return null;
}

function contradictions(
  config: GatewayConfig,
  origins: ReadonlyMap<string, Origin>,
  errors: readonly ConfigError[],
): ConfigError[] {
  // A key that is refused has no value to compare; its default stands in, and its contradictions are not told.
  const bad = new Set(errors.map((error) => error.key));
  const complete = Object.fromEntries(
    Object.entries(config).map(([section, values]) => [section, { ...(values as object) }]),
  ) as Record<string, Record<string, unknown>>;
  for (const key of allKeys) {
    const section = complete[key.section];
    if (section !== undefined && section[key.property] === undefined) {
      section[key.property] = key.definition.kind.schema.parse(key.definition.fallback);
      bad.add(key.dotted);
    }
  }
  return findContradictions(complete as unknown as GatewayConfig)
    .filter(({ keys }) => !keys.some((name) => bad.has(name)))
    .map(({ keys, message }) => {
      const set = keys.find((name) => origins.get(name)?.isSet) ?? keys[0] ?? '';
      const origin = origins.get(set);
      const text = set === keys[0] ? message : `${keys[0]}: ${message}`;
      return {
        key: set,
        value: origin?.value,
        message: text,
        source: origin?.source ?? 'default',
        ...spread(origin?.place('') ?? null),
      };
    });
}

function refuse(reader: Reader, key: string, value: unknown, message: string): void {
  reader.errors.push({ key, value, message, source: reader.path, ...spread(reader.yaml.placeOf(key)) });
}

function refuseKey(reader: Reader, key: string, message: string): void {
  const place = reader.yaml.keyPlaceOf(key);
  reader.errors.push({ key, value: undefined, message, source: reader.path, ...spread(place) });
}

function inFileOrder(errors: readonly ConfigError[]): ConfigError[] {
  return errors.toSorted(
    (a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0) || 0,
  );
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) {
      deepFreeze(inner);
    }
  }
  return value;
}
