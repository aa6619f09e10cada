import type { Parsed } from '../model/token.ts';
import { anyText, type ValueType } from '../model/value-type.ts';
import type { OptionName, Options } from '../options/options.ts';
import type {
  IngressEffects,
  RegexScope,
  RouteAdditions,
  ServerAdditions,
  Settings,
  UpstreamAdditions,
} from './additions.ts';
import type {
  IngressContext,
  RouteContext,
  ServerContext,
  UpstreamContext,
  UsedSettings,
} from './context.ts';

export type {
  BackendProtocol,
  IngressEffects,
  RouteAdditions,
  ServerAdditions,
  Settings,
  UpstreamAdditions,
} from './additions.ts';
export type { IngressContext, RouteContext, ServerContext, UpstreamContext } from './context.ts';

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

/** The options of the global ConfigMap whose values a row of this type can take as its default. */
export type OptionNameOf<T> = {
  readonly [Name in keyof Options]: Options[Name] extends T ? Name : never;
}[keyof Options];

/** One row of a plugin's table: everything there is to know about one annotation. */
export interface AnnotationSpec<T = unknown> {
  /** Other names of the same annotation; its own name wins where both are set. */
  readonly aliases: readonly string[];
  /** Reads a value that is not blank. The words of an error follow the annotation's name. */
  readonly parse: (text: string) => Parsed<T>;
  /** What it takes; of any form where the row does not say (`...integer(1, 9)` of model/grammar.ts says it). */
  readonly type: ValueType;
  /** Used where the annotation is absent, blank, or invalid with `onInvalid: 'default'`. */
  readonly default: T;
  /** The option of the global ConfigMap that is the default instead. */
  readonly option?: OptionName;
  readonly risk: Risk;
  readonly scope: Scope;
  readonly onInvalid: OnInvalid;
  /** Restricts who gets in: it never fails open, and switching its plugin off closes the routes that ask for it. */
  readonly protective: boolean;
  /** Of a protective value, the part that protects: where it is equal, two values protect alike. All, if left out. */
  readonly protection?: (text: string) => string;
  /**
   * What a last good form may have of it. `same`: none is served where this value was another one, as with protective
   * ones. `common`: of a list of names, those that the present version has as well.
   */
  readonly inLastGood?: 'same' | 'common';
  /** One sentence for the documentation. */
  readonly description: string;
}

/** The annotations of a plugin by name, without prefix. */
export type AnnotationTable = Readonly<Record<string, AnnotationSpec>>;

/** The parsed annotations of a table, by name. */
export type SettingsOf<T extends AnnotationTable> = {
  readonly [Name in keyof T]: T[Name] extends AnnotationSpec<infer Value> ? Value : never;
};

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
  /** A user's: it is called for the routes that name it, in the order in which they do. */
  readonly picked?: true;
  /** Called once for each Ingress that sets one of the annotations. */
  ingress?(context: IngressContext<T>): IngressEffects;
  /**
   * Called once for each Ingress that is neither refused nor closed: every route of it gets these additions. A plugin
   * that returns nothing for an Ingress without its annotations is not asked about the others without them.
   */
  routes?(context: IngressContext<T>): RouteAdditions;
  /** Called once for each route of such an Ingress instead, where a route's host or path makes a difference. */
  route?(context: RouteContext<T>): RouteAdditions;
  /**
   * Whether the path of a route is a regex. Called for every route, also of Ingresses that are refused or closed:
   * what answers 503 must be found as it would be found open.
   */
  regex?(context: RouteContext<T>): RegexScope | null;
  /** Called once for each host that one of the annotations is set for, be it by an Ingress that is closed. */
  server?(context: ServerContext<T>): ServerAdditions;
  /** Called once for each upstream. */
  upstream?(context: UpstreamContext<T>): UpstreamAdditions;
  /**
   * Prints the partial `plugins/<name>/http` once, before all servers, with the values returned. `used` are the
   * location settings of all routes that have some, `others` those of the other slots. Not called where there are
   * none of any.
   */
  http?(used: readonly Settings[], others: UsedSettings): Settings | null;
  /**
   * The directives that keep somebody out, of what the partial of a slot prints with `settings`: a custom template
   * without them is refused.
   */
  proves?(slot: 'server' | 'server-end' | 'location', settings: Settings): readonly string[];
}

/** Gives a plugin its types: settings are inferred from the table. */
export function definePlugin<T extends AnnotationTable>(plugin: Plugin<T>): Plugin {
  return plugin;
}

/** A row of a table with the usual values: no alias, low risk, for routes, default on error, not protective. */
export function annotation<T>(
  row: Pick<AnnotationSpec<T>, 'parse' | 'default' | 'description'> &
    Partial<AnnotationSpec<T>> & { readonly option?: OptionNameOf<NoInfer<T>> },
): AnnotationSpec<T> {
  return {
    aliases: [],
    type: anyText,
    risk: 'Low',
    scope: 'location',
    onInvalid: 'default',
    protective: false,
    ...row,
  };
}
