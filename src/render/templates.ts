import Handlebars from 'handlebars';
import { gatewayError, isGatewayError, reasonOf } from '../errors.ts';
import {
  encodeComment,
  encodeLiteral,
  encodeMapKey,
  encodeRegex,
  encodeRegexName,
  encodeSnippet,
  encodeValue,
  UnencodedValue,
} from './encode.ts';
import { bracket, generationMark } from './provenance.ts';
import { refuseCycles } from './template-cycles.ts';
import { blockHelpers, encoderHelpers, parseTemplate, type TemplateSource } from './template-check.ts';

/** The template that everything starts from. */
const rootName = 'nginx.conf';

/** Those beside what plugins add to a location. */
const memoized: readonly string[] = ['server', 'server-headers', 'location-headers', 'location-slots'];

/**
 * Whether a partial's results are kept while what it prints stays the same object: servers from one build to the next,
 * headers and what plugins add wherever they are equal.
 */
function isMemoized(name: string): boolean {
  return memoized.includes(name) || /^plugins\/[^/]+\/location$/u.test(name);
}

/** A checked and compiled set of templates. */
export interface Templates {
  readonly names: ReadonlySet<string>;
  /**
   * Renders with origin brackets still in it.
   * @throws GatewayError CNG_TEMPLATE_BROKEN or CNG_RENDER_UNENCODED_VALUE naming the template
   */
  render(view: object): string;
}

/**
 * Compiles a set of templates in an environment of its own, so that a set that is dropped leaves nothing behind.
 * `change` may alter what was parsed, before it is compiled.
 * @throws GatewayError CNG_TEMPLATE_BROKEN
 */
export function compileTemplates(
  sources: readonly TemplateSource[],
  change: (program: hbs.AST.Program, index: number) => void = () => undefined,
): Templates {
  const environment = Handlebars.create();
  registerHelpers(environment);
  const names = new Set(sources.map((source) => source.name));
  const programs = sources.map((source) => parseTemplate(source, names));
  refuseCycles(sources, programs);
  for (const [index, source] of sources.entries()) {
    const program = programs[index] as hbs.AST.Program;
    change(program, index);
    const compiled = environment.compile(program, compileOptions());
    const traced = withSource(source, compiled);
    environment.registerPartial(source.name, isMemoized(source.name) ? remembering(traced) : traced);
  }
  const root = environment.partials[rootName] as Handlebars.TemplateDelegate | undefined;
  if (root === undefined) {
    throw gatewayError('CNG_TEMPLATE_BROKEN', { template: rootName, line: 1, reason: 'it is missing' });
  }
  return {
    names,
    render: (view) => root(view, { helpers: environment.helpers, partials: environment.partials }),
  };
}

function compileOptions(): CompileOptions {
  const known = [...encoderHelpers, ...blockHelpers, 'lookup'];
  return {
    // All printing goes through encoders; HTML escaping would break the text.
    noEscape: true,
    strict: true,
    data: false,
    // A partial has its own indentation: Handlebars would split and join the text of each server again and again.
    preventIndent: true,
    knownHelpersOnly: true,
    knownHelpers: Object.fromEntries(known.map((name) => [name, true])),
  };
}

function registerHelpers(environment: typeof Handlebars): void {
  // Partials named by plugins may not reach Handlebars' own reporters.
  for (const name of ['log', 'helperMissing', 'blockHelperMissing']) {
    environment.unregisterHelper(name);
  }
  for (const [name, encode] of Object.entries(encoders)) {
    environment.registerHelper(name, placed(encode));
  }
  environment.registerHelper('generation', () => generationMark);
  environment.registerHelper('origin', function origin(this: unknown, key: unknown, options: HelperOptions) {
    const text = options.fn(this);
    return typeof key === 'string' ? bracket(key, text) : text;
  });
}

const encoders = {
  value: encodeValue,
  literal: encodeLiteral,
  regex: encodeRegex,
  regexName: encodeRegexName,
  mapKey: encodeMapKey,
  comment: encodeComment,
  snippet: encodeSnippet,
};

/** Adds to an encoder's error where in the template the value was printed (see `tellPlace`). */
function placed(encode: (value: unknown) => string): (value: unknown, field: string, line: number) => string {
  return (value, field, line) => {
    try {
      return encode(value);
    } catch (cause) {
      if (cause instanceof UnencodedValue) {
        throw new MisplacedValue(field, line, value === undefined, cause);
      }
      throw cause;
    }
  };
}

/** An encoder's refusal together with its place in the template. */
class MisplacedValue extends Error {
  readonly field: string;
  readonly line: number;
  readonly missing: boolean;

  constructor(field: string, line: number, missing: boolean, cause: UnencodedValue) {
    super(cause.message, { cause });
    this.field = field;
    this.line = line;
    this.missing = missing;
  }
}

interface HelperOptions {
  fn(context: unknown): string;
}

/** Handlebars tells a line but not the file when rendering fails. */
function withSource(
  source: TemplateSource,
  compiled: Handlebars.TemplateDelegate,
): Handlebars.TemplateDelegate {
  return (context: unknown, options?: Handlebars.RuntimeOptions) => {
    try {
      return compiled(context, options);
    } catch (cause) {
      if (isGatewayError(cause)) {
        throw cause;
      }
      if (cause instanceof MisplacedValue) {
        throw misplaced(source, cause);
      }
      const line = (cause as { lineNumber?: number }).lineNumber ?? 1;
      const fields = { template: source.from, line, reason: reasonOf(cause) };
      throw gatewayError('CNG_TEMPLATE_BROKEN', fields, { cause });
    }
  };
}

function misplaced(source: TemplateSource, cause: MisplacedValue): Error {
  const { field, line, missing, message } = cause;
  if (missing) {
    const reason = `there is no field "${field}" here`;
    return gatewayError('CNG_TEMPLATE_BROKEN', { template: source.from, line, reason }, { cause });
  }
  const printed = `"${field}" (line ${line}): ${message}`;
  return gatewayError('CNG_RENDER_UNENCODED_VALUE', { template: source.from, field: printed }, { cause });
}

/** A partial sees nothing but its context (`data` is off, and `../` ends at it), so equal ones print the same. */
function remembering(compiled: Handlebars.TemplateDelegate): Handlebars.TemplateDelegate {
  const kept = new WeakMap<object, string>();
  return (context: unknown, options?: Handlebars.RuntimeOptions) => {
    if (typeof context !== 'object' || context === null) {
      return compiled(context, options);
    }
    let text = kept.get(context);
    if (text === undefined) {
      text = compiled(context, options);
      kept.set(context, text);
    }
    return text;
  };
}
