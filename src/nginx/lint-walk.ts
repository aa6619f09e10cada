import { mayStandIn } from './brace-suspect.ts';
import type { Directive } from './grammar.ts';
import { collectFacts, emptyFacts, type Facts } from './lint-facts.ts';
import type { LintOptions } from './lint-options.ts';
import { argsOf, blockViolations, type Inherited, type Violation } from './lint-patterns.ts';
import { type Rule, rulesFor, socketMessage } from './lint-rules.ts';

/** Where directives stand: the block around them, and what `http` hands down to it. */
export interface FragmentContext {
  /** `main`, `http`, `server`, `location`, `stream`… */
  readonly parent: string;
  readonly inherited?: Inherited;
}

/** Blocks that nginx reads as a table: what stands in them are values, not directives. */
const tables = new Set(['map', 'geo', 'types', 'split_clients', 'charset_map']);

/** Blocks whose directives work on each other. */
const scripts = new Set(['server', 'location', 'if']);

/** No sane configuration nests deeper, and nginx reads blocks by recursion: its stack would overflow. */
const deepestNesting = 32;

interface Walk {
  readonly options: LintOptions;
  readonly inherited: Inherited;
  readonly violations: Violation[];
  readonly facts: Facts;
  /** Rules by directive name, looked up once a walk. */
  readonly rules: Map<string, readonly Rule[]>;
  isTooDeep: boolean;
}

/** Applies every rule to directives that stand in `context.parent`. */
export function inspect(
  directives: readonly Directive[],
  context: FragmentContext,
  options: LintOptions,
): { violations: Violation[]; facts: Facts } {
  const walk: Walk = {
    options,
    inherited: context.inherited ?? {},
    violations: [],
    facts: emptyFacts(),
    rules: new Map(),
    isTooDeep: false,
  };
  visit(directives, context.parent, walk, 0);
  if (!walk.isTooDeep && directives[0] && scripts.has(context.parent)) {
    const around = blockAround(context.parent, directives[0], directives);
    walk.violations.push(...blockViolations(around, '', walk.inherited, options));
  }
  return { violations: walk.violations, facts: walk.facts };
}

/** Stands for the block that a fragment is only a part of: what is wrong in the part is wrong in the whole. */
function blockAround(parent: string, first: Directive, directives: readonly Directive[]): Directive {
  const name = { text: parent === 'server' ? 'server' : 'location', quoted: 'none', raw: '' } as const;
  const { line } = first;
  return { name, args: [], block: directives, line, headLine: line, endLine: line };
}

function visit(directives: readonly Directive[], parent: string, walk: Walk, depth: number): void {
  for (const directive of directives) {
    const name = directive.name.text;
    collectFacts(directive, walk.facts);
    if (tables.has(parent)) {
      visitTableEntry(directive, parent, walk);
      continue;
    }
    applyRules(directive, name, parent, walk);
    if (!directive.block) {
      continue;
    }
    if (depth >= deepestNesting) {
      walk.isTooDeep = true;
      report(walk, directive, 'nesting', `is nested deeper than ${deepestNesting} blocks; flatten it`);
      continue;
    }
    if (!mayStandIn(name, parent)) {
      const where = parent === 'main' ? 'outside of every block' : `in "${parent}"`;
      report(walk, directive, 'syntax-misplaced', `may not stand ${where}`);
    }
    visit(directive.block, name, walk, depth + 1);
    // The patterns are looked for by recursion, which what is too deep must not reach.
    if (!walk.isTooDeep) {
      walk.violations.push(...blockViolations(directive, parent, walk.inherited, walk.options));
    }
  }
}

function applyRules(directive: Directive, name: string, parent: string, walk: Walk): void {
  let rules = walk.rules.get(name);
  if (!rules) {
    rules = rulesFor(name);
    walk.rules.set(name, rules);
  }
  if (rules.length === 0 || walk.options.allowedDirectives?.includes(name)) {
    return;
  }
  const input = { directive, name, args: argsOf(directive), parent, options: walk.options };
  for (const rule of rules) {
    const message = rule.check(input);
    if (message !== null) {
      report(walk, directive, rule.code, message);
    }
  }
}

/** In a table only `include` is a directive; a value may still become the target of a `proxy_pass`. */
function visitTableEntry(directive: Directive, parent: string, walk: Walk): void {
  if (directive.name.text === 'include') {
    applyRules(directive, 'include', parent, walk);
  }
  if (directive.block) {
    report(walk, directive, 'syntax-misplaced', `may not stand in "${parent}"`);
  }
  const message = socketMessage(argsOf(directive), walk.options);
  if (message !== null) {
    report(walk, directive, 'unix-socket', message);
  }
}

function report(walk: Walk, directive: Directive, rule: string, message: string): void {
  const name = directive.name.text;
  walk.violations.push({ line: directive.line, rule, directive: name, message: `"${name}" ${message}` });
}
