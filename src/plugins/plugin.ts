import type { Capabilities } from '../model/capabilities.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { Parsed, Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';

/** How much harm a value can do: annotations above the allowed level refuse their whole Ingress. */
export type Risk = 'Low' | 'Medium' | 'High' | 'Critical';

/** From harmless to worst. */
export const risks: readonly Risk[] = ['Low', 'Medium', 'High', 'Critical'];

/** What an annotation acts on: the routes of its Ingress, all of a host, or the Ingress as a whole. */
export type Scope = 'location' | 'server' | 'ingress';

/** What a value that does not parse does, after ingress-nginx. */
export type OnInvalid =
  /** The default is used instead. */
  | 'default'
  /** The routes of the Ingress answer 503. */
  | 'deny'
  /** The Ingress is refused whole: its routes answer 503 and its verdict is `rejected`. */
  | 'reject';

/** One row of a plugin's table: everything there is to know about one annotation. */
export interface AnnotationSpec<T = unknown> {
  /** Other names of the same annotation; its own name wins where both are set. */
  readonly aliases: readonly string[];
  /** Reads a value that is not blank. The words of an error follow the annotation's name. */
  readonly parse: (text: string) => Parsed<T>;
  /** Used where the annotation is absent, blank, or invalid with `onInvalid: 'default'`. */
  readonly default: T;
  readonly risk: Risk;
  readonly scope: Scope;
  readonly onInvalid: OnInvalid;
  /** Restricts who gets in: it never fails open, and switching its plugin off closes the routes that ask for it. */
  readonly protective: boolean;
  /** One sentence for the documentation. */
  readonly description: string;
}

/** The annotations of a plugin by name, without prefix. */
export type AnnotationTable = Readonly<Record<string, AnnotationSpec>>;

/** The parsed annotations of a table, by name. */
export type SettingsOf<T extends AnnotationTable> = {
  readonly [Name in keyof T]: T[Name] extends AnnotationSpec<infer Value> ? Value : never;
};

/** Values for a partial: tokens, numbers, booleans, null, and lists and records of those. */
export type Settings = Readonly<Record<string, unknown>>;

/** An Ingress, as a plugin sees it. */
export interface IngressContext<T extends AnnotationTable = AnnotationTable> {
  readonly object: ObjectKey;
  readonly settings: SettingsOf<T>;
  /** The names of this table that the object sets. */
  readonly given: readonly (keyof T & string)[];
  /** The field that set an annotation, for a Reason; null where the default holds. */
  readonly field: (name: keyof T & string) => string | null;
  readonly capabilities: Capabilities;
}

/** What a plugin says about an Ingress as a whole. Everything may be left out. */
export interface IngressEffects {
  /** Refuses the Ingress: its routes answer 503, its verdict is `rejected`. */
  readonly reject?: readonly Reason[];
  /** Closes the Ingress because a protection cannot be built: its routes answer 503. */
  readonly deny?: readonly Reason[];
  /** Takes the Ingress out of routing: it claims no host and no path, its verdict is `rejected`. */
  readonly withdraw?: readonly Reason[];
  readonly differences?: readonly Reason[];
}

/** One route of an Ingress, as a plugin sees it. */
export interface RouteContext<T extends AnnotationTable = AnnotationTable> extends IngressContext<T> {
  /** Null for requests of any host. */
  readonly host: Token<'host'> | Token<'wildcard-host'> | null;
  /** Whether a certificate was asked for on this host, be it the default one. */
  readonly tls: boolean;
  /** As in the rule, before prefixes are split. */
  readonly path: Token<'path'>;
  readonly exact: boolean;
  /** The route is `spec.defaultBackend` of an Ingress without rules: redirects and rewrites leave it alone. */
  readonly catchAll: boolean;
  readonly httpsPort: number;
}

/** What a plugin adds to one route. Everything may be left out. */
export interface RouteAdditions {
  /** Prints the partial `plugins/<name>/location` with these values. */
  readonly location?: Settings;
  /** How the backend is spoken to. */
  readonly backend?: BackendProtocol;
  /** Closes this route because what was asked for cannot be built: it answers 503. */
  readonly unavailable?: readonly Reason[];
  readonly differences?: readonly Reason[];
}

export interface BackendProtocol {
  /** The scheme: `http`, `https`, `grpc` or `grpcs`. */
  readonly protocol: Token<'keyword'>;
  readonly grpc: boolean;
}

/**
 * One feature. Its functions are pure and are called for every build; one that throws closes the Ingress it was
 * called for (503) and leaves the others alone. Its partials stand in `templates/plugins/<name>/<slot>.hbs`.
 */
export interface Plugin<T extends AnnotationTable = AnnotationTable> {
  /** Lower-case letters, digits and `-`. */
  readonly name: string;
  /** Where its additions stand among those of others: ascending, equal ones by name. */
  readonly order: number;
  readonly annotations: T;
  /** Called once for each Ingress that sets one of the annotations. */
  ingress?(context: IngressContext<T>): IngressEffects;
  /** Called once for each route of an Ingress that is neither refused nor closed. */
  route?(context: RouteContext<T>): RouteAdditions;
  /**
   * Prints the partial `plugins/<name>/http` once, before all servers, with the values returned. `used` are the
   * location settings of all routes that have some. Not called where there are none.
   */
  http?(used: readonly Settings[]): Settings | null;
}

/** Gives a plugin its types: settings are inferred from the table. */
export function definePlugin<T extends AnnotationTable>(plugin: Plugin<T>): Plugin {
  return plugin;
}

/** A row of a table with the usual values: no alias, low risk, for routes, default on error, not protective. */
export function annotation<T>(
  row: Pick<AnnotationSpec<T>, 'parse' | 'default' | 'description'> & Partial<AnnotationSpec<T>>,
): AnnotationSpec<T> {
  return { aliases: [], risk: 'Low', scope: 'location', onInvalid: 'default', protective: false, ...row };
}
