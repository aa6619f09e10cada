import { inGeo, parseCidrList } from '../../model/cidr-list.ts';
import { parseSetHeader } from '../../model/header.ts';
import { parseHost } from '../../model/host.ts';
import { parsePath } from '../../model/path.ts';
import {
  milliseconds,
  parseBoolean,
  parseChoice,
  parseDuration,
  parseInteger,
  parseSize,
  seconds,
} from '../../model/quantity.ts';
import { refused, type Parsed, type Token } from '../../model/token.ts';
import { expression, identifier, keyword, parseText } from '../../model/words.ts';
import type { Reason } from '../../model/verdict.ts';
import type { RequestHeader, ResponseHeader } from '../../model/model.ts';
import type { Capabilities } from '../../model/capabilities.ts';
import { hashOf, type HostToken, type Settings } from '../additions.ts';
import { annotation, type AnnotationSpec, type OnInvalid } from '../plugin.ts';

/** The version of all that users' plugins see: raised when one of them would have to change. */
export const pluginContract = 1;

/** What a user's plugin is called with when it is loaded: there is no package to import. */
export interface PluginApi {
  readonly contract: number;
  /** One setting of a plugin: its parser, its default, and what a bad value does. */
  setting<T>(row: SettingRow<T>): AnnotationSpec<T>;
  /** Parsers of settings, each `(text) => { value } | { error }`; those with limits are made by a call. */
  readonly parse: typeof parse;
  /** Values made by the plugin itself. */
  readonly make: typeof make;
}

/** A row of `settings`. */
export interface SettingRow<T> {
  readonly parse: (text: string) => Parsed<T>;
  readonly default: T;
  /** `default` (if left out): the default holds; `deny`: the routes answer 503. */
  readonly onInvalid?: Exclude<OnInvalid, 'reject'>;
  /** One sentence. */
  readonly description: string;
}

/** What the module's function `plugin` returns. */
export interface UserDefinition {
  readonly settings?: Readonly<Record<string, AnnotationSpec>>;
  /** Called for each route that picks the plugin. */
  route?(route: UserRoute): UserAdditions;
  /** Called once where some route has settings of its location; prints `http.hbs` unless it returns null. */
  http?(used: readonly Settings[]): Settings | null;
}

/** A route as a user's plugin sees it. */
export interface UserRoute {
  /** `Ingress/namespace/name`. */
  readonly object: string;
  readonly settings: Settings;
  /** The settings that the Ingress has set. */
  readonly given: readonly string[];
  readonly host: HostToken | null;
  readonly path: Token<'path'>;
  readonly exact: boolean;
  readonly tls: boolean;
  /** What the nginx can do. */
  readonly can: Capabilities;
}

/** What it adds. Everything may be left out. */
export interface UserAdditions {
  /** Prints `location.hbs` with these values. */
  readonly location?: Settings;
  readonly requestHeaders?: readonly RequestHeader[];
  readonly responseHeaders?: readonly ResponseHeader[];
  /** Closes the route (503). `field` may be the name of a setting. */
  readonly unavailable?: readonly Reason[];
  readonly differences?: readonly Reason[];
}

const parse = {
  text: parseText,
  boolean: parseBoolean,
  duration: parseDuration,
  size: parseSize,
  host: parseHost,
  path: parsePath,
  headerName: parseSetHeader,
  /** Sorted, each once, and fit for a `geo`: two halves stand for all addresses. */
  addresses: (text: string): Parsed<readonly Token<'cidr'>[]> => {
    const parsed = parseCidrList(text);
    return refused(parsed) ? parsed : { value: inGeo(parsed.value) };
  },
  /** Whole numbers within bounds, both inclusive. */
  integer: (least: number, most: number) => (text: string) => parseInteger(text.trim(), least, most),
  /** One word of a list. */
  choice:
    (...choices: readonly string[]) =>
    (text: string): Parsed<Token<'keyword'>> => {
      const parsed = parseChoice(text.trim(), choices);
      return refused(parsed) ? parsed : { value: keyword(parsed.value) };
    },
};

const make = {
  /** Text in which `$` stands for itself. Throws on control characters. */
  text(text: string): Token<'text'> {
    const parsed = parseText(text);
    if (refused(parsed)) {
      throw new TypeError(parsed.error);
    }
    return parsed.value;
  },
  /** A tagged template: `$` begins a variable of nginx in the constant parts, and never in the values. */
  expression,
  keyword,
  /** A name for a variable or zone, which differs where the value that it is for does. */
  name: (prefix: string, value: unknown): Token<'identifier'> => identifier(`${prefix}_${hashOf(value)}`),
  seconds,
  milliseconds,
  /** Throws on a header of one connection, such as Content-Length, and on Host. */
  requestHeader: (name: string, value: Token): RequestHeader => ({ name: setHeader(name), value }),
  /** Set on every answer, in the place of what the backend sends under this name. */
  responseHeader: (name: string, value: Token): ResponseHeader => ({
    name: setHeader(name),
    value,
    always: true,
    replace: true,
  }),
};

function setHeader(text: string): Token<'header-name'> {
  const name = parseSetHeader(text);
  if (refused(name)) {
    throw new TypeError(name.error);
  }
  return name.value;
}

export const pluginApi: PluginApi = Object.freeze({
  contract: pluginContract,
  setting: <T>({ parse: read, default: fallback, onInvalid = 'default', description }: SettingRow<T>) =>
    annotation<T>({ parse: read, default: fallback, onInvalid, description }),
  parse: Object.freeze(parse),
  make: Object.freeze(make),
});
