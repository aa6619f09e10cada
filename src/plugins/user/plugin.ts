import { faultOfSetHeader } from '../../model/header.ts';
import { isToken, shown, whole } from '../../model/token.ts';
import type { Reason } from '../../model/verdict.ts';
import type { RouteAdditions, Settings } from '../additions.ts';
import type { RouteContext } from '../context.ts';
import type { AnnotationSpec, Plugin } from '../plugin.ts';
import type { UserAdditions, UserDefinition } from './api.ts';
import type { Marker } from './marker.ts';
import { lineOfThrown, messageOfThrown } from './thrown.ts';

/** Built-in plugins come first, users' in the order in which a route names them. */
export const userOrder = 1000;

/** Something that a plugin threw where it was called for one object. */
export interface HookFailure {
  readonly plugin: string;
  readonly object: string;
  readonly reason: string;
  /** Of its file, counted from 1; null where it is not known. */
  readonly line: number | null;
}

export interface UserPluginParts {
  readonly name: string;
  /** As stack traces name its file; without it no line is told. */
  readonly from?: string;
  readonly definition: UserDefinition;
  /** The slots that it has partials for. */
  readonly slots: ReadonlySet<string>;
  readonly marker: Marker;
  readonly onFailure: (failure: HookFailure) => void;
}

/** Makes a plugin of the gateway of a user's: its settings are annotations `<plugin>.<setting>`. */
export function userPlugin(parts: UserPluginParts): Plugin {
  const { name, definition } = parts;
  const settings = definition.settings ?? {};
  return {
    name,
    order: userOrder,
    picked: true,
    annotations: Object.fromEntries(
      Object.entries(settings).map(([setting, spec]) => [`${name}.${setting}`, guarded(spec, parts)]),
    ),
    route: (context) => callRoute(context, parts),
    http: (used) =>
      called(parts, '', () => {
        const added = definition.http?.(used) ?? null;
        return added === null ? null : demandSlot('http', demandValues(added, 'http'), parts);
      }),
  };
}

/** A parser of a user's may throw or loop like everything else of it. */
function guarded(spec: AnnotationSpec, parts: UserPluginParts): AnnotationSpec {
  return {
    ...spec,
    parse: (text) =>
      called(parts, '', () => {
        const parsed: unknown = spec.parse(text);
        if (typeof parsed === 'object' && parsed !== null && ('value' in parsed || 'error' in parsed)) {
          return parsed as ReturnType<AnnotationSpec['parse']>;
        }
        throw new TypeError('a parser of a setting returns { value } or { error }');
      }),
  };
}

function callRoute(context: RouteContext, parts: UserPluginParts): RouteAdditions {
  const { name, definition } = parts;
  const prefix = `${name}.`;
  function own(each: string): string {
    return each.slice(prefix.length);
  }
  return called(parts, context.object, () => {
    const added: unknown =
      definition.route?.({
        object: context.object,
        settings: Object.fromEntries(
          Object.entries(context.settings).map(([key, value]) => [own(key), value]),
        ),
        given: context.given.map(own),
        host: context.host,
        path: context.path,
        exact: context.exact,
        tls: context.tls,
        can: context.capabilities,
      }) ?? {};
    return checked(added as UserAdditions, context, parts);
  });
}

const known: readonly string[] = [
  'location',
  'requestHeaders',
  'responseHeaders',
  'unavailable',
  'differences',
];

/** Holds what a plugin returns to the API: a mistake is told as the plugin's, not as that of a template. */
function checked(added: UserAdditions, context: RouteContext, parts: UserPluginParts): RouteAdditions {
  const unknown = Object.keys(added).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(`route returned "${unknown}": allowed are ${known.join(', ')}`);
  }
  for (const header of [...(added.requestHeaders ?? []), ...(added.responseHeaders ?? [])]) {
    if (!isToken(header.name) || header.name.token !== 'header-name' || !isToken(header.value)) {
      throw new TypeError('a header is made by api.make.requestHeader or api.make.responseHeader');
    }
    const fault = faultOfSetHeader(header.name);
    if (fault !== null) {
      throw new TypeError(`the header ${shown(header.name.text)} ${fault}`);
    }
  }
  const { location } = added;
  return {
    ...added,
    ...(location === undefined
      ? {}
      : {
          location: demandSlot('location', demandValues(location, 'location'), parts),
          names: identifiersIn(location),
        }),
    ...(added.unavailable === undefined ? {} : { unavailable: reasons(added.unavailable, context, parts) }),
    ...(added.differences === undefined ? {} : { differences: reasons(added.differences, context, parts) }),
  };
}

/** `field` may name a setting: the reason is then about its annotation. */
function reasons(list: readonly Reason[], context: RouteContext, { name }: UserPluginParts): Reason[] {
  return list.map(({ field, message }) => ({
    field: context.field(`${name}.${field}`) ?? `metadata.annotations (plugin ${name})`,
    message,
  }));
}

function demandSlot(slot: string, settings: Settings, { name, slots }: UserPluginParts): Settings {
  if (!slots.has(slot)) {
    throw new TypeError(`it returns values for ${slot}, and there is no ${slot}.hbs beside plugin ${name}`);
  }
  return settings;
}

/** The names that it has made: nginx may say them in a message about the route. */
function identifiersIn(value: unknown): string[] {
  if (isToken(value)) {
    return value.token === 'identifier' ? [value.text] : [];
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(identifiersIn) : [];
}

const isFieldName = whole('[A-Za-z_][A-Za-z0-9_-]{0,80}');

/** Deeper ones are a mistake, or endless. */
const deepest = 8;

/** Throws where a value holds anything that no template could print. */
function demandValues(settings: Settings, where: string): Settings {
  demandValue(settings, where, 0);
  return settings;
}

function demandValue(value: unknown, where: string, depth: number): void {
  const plain = value === null || typeof value === 'boolean' || typeof value === 'number';
  if (plain || isToken(value)) {
    return;
  }
  if (typeof value !== 'object' || depth > deepest) {
    const advice = 'give it a token of api.parse or api.make, a number or a boolean';
    throw new TypeError(`${where} is a ${typeof value}, which no template can print: ${advice}`);
  }
  for (const [key, each] of Object.entries(value)) {
    if (!Array.isArray(value) && !isFieldName(key)) {
      throw new TypeError(`${where} has a field ${JSON.stringify(key)}: write letters, digits, "_" and "-"`);
    }
    demandValue(each, `${where}.${key}`, depth + 1);
  }
}

function called<T>({ name, from, marker, onFailure }: UserPluginParts, object: string, call: () => T): T {
  marker.begin(name, object);
  try {
    return call();
  } catch (error) {
    const reason = messageOfThrown(error);
    onFailure({ plugin: name, object, reason, line: from === undefined ? null : lineOfThrown(from, error) });
    throw new Error(`plugin ${name}: ${reason}`, { cause: error });
  } finally {
    marker.end();
  }
}
