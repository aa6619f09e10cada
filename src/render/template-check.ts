import Handlebars from 'handlebars';
import { gatewayError, reasonOf } from '../errors.ts';
import { unbalancedBrace } from './template-braces.ts';
import { faultOfPath } from './view-fields.ts';

/** Helpers that print a value in one syntactic place of nginx. Every `{{…}}` of a template is one of them. */
export const encoderHelpers = [
  'value',
  'literal',
  'regex',
  'regexName',
  'mapKey',
  'comment',
  'snippet',
  'generation',
] as const;

/** Helpers that print nothing of their own. */
export const blockHelpers = ['if', 'unless', 'each', 'with', 'origin'] as const;

/** Helpers allowed inside parentheses. */
const expressionHelpers: readonly string[] = ['lookup'];

/** Where a template is wrong, for the operator who wrote it. */
export interface TemplateSource {
  /** The partial's name, for example `server` or `plugins/rate-limit/location`. */
  readonly name: string;
  /** Where the text came from, for messages: a path, or `ConfigMap/ns/name key`. */
  readonly from: string;
  readonly text: string;
  /** The operator's, in the place of a built-in one or beside them. */
  readonly isOwn?: boolean;
}

/**
 * Reads a template and holds it to the contract: known helpers and partials (`names`) only, nothing printed raw, no
 * decorators. A bare `{{x}}` becomes `{{value x}}`, so that every print goes through an encoder.
 * @throws GatewayError CNG_TEMPLATE_BROKEN with file, line and column
 */
export function parseTemplate(source: TemplateSource, names: ReadonlySet<string>): hbs.AST.Program {
  let program: hbs.AST.Program;
  try {
    program = Handlebars.parse(source.text);
  } catch (cause) {
    throw broken(source, lineOfSyntaxError(cause), reasonOf(cause), cause);
  }
  if (source.isOwn === true) {
    const unbalanced = unbalancedBrace(program);
    if (unbalanced !== null) {
      throw broken(source, unbalanced.line, unbalanced.what);
    }
  }
  const checker = new Checker(source, names);
  checker.accept(program);
  return program;
}

class Checker extends Handlebars.Visitor {
  readonly #source: TemplateSource;
  readonly #names: ReadonlySet<string>;
  /** How many contexts there are around a place, which `../` leads to. */
  #depth = 0;

  constructor(source: TemplateSource, names: ReadonlySet<string>) {
    super();
    this.#source = source;
    this.#names = names;
  }

  override MustacheStatement(statement: hbs.AST.MustacheStatement): void {
    if (!statement.escaped) {
      throw this.#broken(statement, 'prints a value without an encoder: write {{…}} with two braces');
    }
    const name = nameOf(statement.path);
    const isCall = statement.params.length > 0 || statement.hash !== undefined;
    if (name !== null && encoderHelpers.some((helper) => helper === name)) {
      super.MustacheStatement(statement);
      tellPlace(statement);
      return;
    }
    if (isCall) {
      throw this.#broken(
        statement,
        `unknown helper "${name ?? '?'}": allowed are ${encoderHelpers.join(', ')}`,
      );
    }
    statement.params = [statement.path];
    statement.path = {
      type: 'PathExpression',
      data: false,
      depth: 0,
      parts: ['value'],
      original: 'value',
      loc: statement.loc,
    } as hbs.AST.PathExpression;
    super.MustacheStatement(statement);
    tellPlace(statement);
  }

  override BlockStatement(block: hbs.AST.BlockStatement): void {
    const name = nameOf(block.path);
    if (!blockHelpers.some((helper) => helper === name)) {
      throw this.#broken(block, `unknown block "${name ?? '?'}": allowed are ${blockHelpers.join(', ')}`);
    }
    this.#checkPath(block.params[0]);
    this.acceptArray(block.params);
    // What `each` and `with` have for nothing is printed in the context around them.
    const inner = name === 'each' || name === 'with' ? 1 : 0;
    this.#depth += inner;
    this.accept(block.program);
    this.#depth -= inner;
    if (block.inverse) {
      this.accept(block.inverse);
    }
  }

  override SubExpression(call: hbs.AST.SubExpression): void {
    const name = nameOf(call.path);
    if (name === null || !expressionHelpers.includes(name)) {
      throw this.#broken(call, `unknown helper "${name ?? '?'}": allowed is ${expressionHelpers.join(', ')}`);
    }
    super.SubExpression(call);
  }

  override PartialStatement(partial: hbs.AST.PartialStatement): void {
    // A name that is looked up is a plugin's, and is known only while rendering.
    const name = partial.name.type === 'SubExpression' ? null : nameOf(partial.name);
    if (name !== null && !this.#names.has(name)) {
      throw this.#broken(partial, `unknown partial "${name}": there is no template of this name`);
    }
    super.PartialStatement(partial);
  }

  override PathExpression(path: hbs.AST.PathExpression): void {
    if (path.depth > this.#depth) {
      const message = `"${path.original}" leads out of the template, which sees nothing around it: its context is that of its partial`;
      throw this.#broken(path, message);
    }
    super.PathExpression(path);
  }

  override Decorator(decorator: hbs.AST.Decorator): void {
    throw this.#broken(decorator, 'decorators are not part of the template contract');
  }

  override DecoratorBlock(decorator: hbs.AST.DecoratorBlock): void {
    throw this.#broken(decorator, 'inline partials are not part of the template contract: use a file');
  }

  /** Settings of plugins are their own; everything else is in the contract. */
  #checkPath(path: hbs.AST.Expression | undefined): void {
    const { isOwn, name } = this.#source;
    if (isOwn === true && !name.startsWith('plugins/') && path?.type === 'PathExpression') {
      const fault = faultOfPath((path as hbs.AST.PathExpression).parts);
      if (fault !== null) {
        throw this.#broken(path, fault);
      }
    }
  }

  #broken(node: hbs.AST.Node, what: string): Error {
    return broken(this.#source, node.loc.start.line, what);
  }
}

/** Gives an encoder the field and line of the template as further arguments: its error would name neither. */
function tellPlace(statement: hbs.AST.MustacheStatement): void {
  const [printed] = statement.params;
  if (printed === undefined) {
    return;
  }
  const { loc } = statement;
  const field = nameOf(printed) ?? 'an expression';
  const fieldNode: hbs.AST.StringLiteral = { type: 'StringLiteral', value: field, original: field, loc };
  const line = loc.start.line;
  const lineNode: hbs.AST.NumberLiteral = { type: 'NumberLiteral', value: line, original: line, loc };
  statement.params = [printed, fieldNode, lineNode];
}

function nameOf(path: hbs.AST.Expression): string | null {
  return path.type === 'PathExpression' ? (path as hbs.AST.PathExpression).original : null;
}

function lineOfSyntaxError(cause: unknown): number {
  const line = /line (\d+)/u.exec(cause instanceof Error ? cause.message : '')?.[1];
  return Number(line ?? 1);
}

function broken(source: TemplateSource, line: number, what: string, cause?: unknown): Error {
  return gatewayError('CNG_TEMPLATE_BROKEN', { template: source.from, line, reason: what }, { cause });
}
