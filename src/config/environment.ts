import { type ConfigError, showValue } from './config-error.ts';
import { allKeys, environmentPrefix, type LocatedKey } from './sections.ts';
import { nearest } from './suggest.ts';
import type { EnvironmentShape } from './value-kind.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables with our prefix that are not keys of the config file. */
export const internalVariables: ReadonlyMap<string, string> = new Map([
  [
    'CNG_ALLOW_MISSING_NGINX',
    'Tests: `1` skips, out loud, what needs a current nginx where none can be had.',
  ],
  ['CNG_DEADLINE_FACTOR', 'Tests: multiplies the deadlines of a pass, to see them missed.'],
  ['CNG_WORKER_HEAP_MB', 'Tests: the memory of the rendering thread, to see it used up.'],
]);

/**
 * Kubernetes puts variables for every Service of the namespace into the pod. A Service whose name begins with `cng`
 * would otherwise keep the gateway from starting.
 */
const serviceVariable =
  /^CNG_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/u;
const serviceLink = /^(?:tcp|udp|sctp):\/\//u;

export interface EnvironmentValues {
  /** By dotted key. */
  readonly values: ReadonlyMap<string, unknown>;
  readonly errors: readonly ConfigError[];
}

/** The keys that the environment overrides. A variable with our prefix that is no key is an error. */
export function readEnvironment(environment: Environment): EnvironmentValues {
  const byVariable = new Map(allKeys.map((key) => [key.variable, key]));
  const values = new Map<string, unknown>();
  const errors: ConfigError[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(environmentPrefix) || text === undefined || internalVariables.has(variable)) {
      continue;
    }
    const key = byVariable.get(variable);
    if (key !== undefined && !serviceLink.test(text)) {
      values.set(key.dotted, fromText(key.definition.kind.shape, text));
    } else if (key !== undefined) {
      errors.push(linkError(key, text));
    } else if (!serviceVariable.test(variable) && !serviceLink.test(text)) {
      errors.push(unknownVariable(variable, [...byVariable.keys(), ...internalVariables.keys()]));
    }
  }
  return { values, errors };
}

/** A text that does not fit its shape stays a text, so that the key's own check refuses it in its own words. */
function fromText(shape: EnvironmentShape, text: string): unknown {
  const trimmed = text.trim();
  switch (shape) {
    case 'text':
      return text;
    case 'boolean':
      return ({ true: true, false: false } as Readonly<Record<string, boolean>>)[trimmed] ?? text;
    case 'number':
    case 'number-or-text':
      return numberFrom(trimmed) ?? text;
    case 'text-list':
      return itemsOf(trimmed);
    default:
      return itemsOf(trimmed).map((item) => numberFrom(item) ?? item);
  }
}

function itemsOf(text: string): string[] {
  return text === '' ? [] : text.split(',').map((item) => item.trim());
}

function numberFrom(text: string): number | null {
  return /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/u.test(text) ? Number(text) : null;
}

function linkError(key: LocatedKey, text: string): ConfigError {
  return {
    key: key.dotted,
    value: text,
    message:
      `${showValue(text)} is what Kubernetes sets for a Service, not a setting: ` +
      'rename the Service or set enableServiceLinks: false in the pod',
    source: `environment variable ${key.variable}`,
    line: null,
    column: null,
  };
}

function unknownVariable(variable: string, known: readonly string[]): ConfigError {
  const meant = nearest(variable, known);
  const hint = meant === null ? '' : ` (did you mean ${meant}?)`;
  return {
    key: '',
    value: undefined,
    message: `there is no such setting${hint}: rename or unset it; settings are ${environmentPrefix}SECTION_KEY`,
    source: `environment variable ${variable}`,
    line: null,
    column: null,
  };
}
