import { hash } from 'node:crypto';
import type { SourceMap } from '../model/candidate.ts';
import { indentationSuspect, unbalancedObjectLine } from './brace-suspect.ts';
import { type Fragment, fragmentsOf } from './fragments.ts';
import { parseConfig } from './grammar.ts';
import { type Facts, joinFacts } from './lint-facts.ts';
import type { LintOptions } from './lint-options.ts';
import type { Violation } from './lint-patterns.ts';
import { type FragmentContext, inspect } from './lint-walk.ts';

export { type LintOptions, lintOptionsForState } from './lint-options.ts';
export type { Violation } from './lint-patterns.ts';
export type { FragmentContext } from './lint-walk.ts';

/** What was found in one fragment; lines count from the fragment's own first line. */
interface FragmentReport {
  readonly violations: readonly Violation[];
  readonly facts: Facts;
}

/** Lints one text after another, and reads only those blocks again that changed since the last one. */
export interface Linter {
  /**
   * Every violation of the text, by line; empty if nginx may see it. With a source map, a brace or quote that is
   * missing is reported at a line of the object that lacks it.
   */
  lint(text: string, sourceMap?: SourceMap): Violation[];
  /** How many blocks of the last text were known from the one before. */
  readonly reused: number;
}

/**
 * Lints a whole configuration before any nginx reads it: `nginx -t` runs code, so only what passed may reach it
 * (CVE-2025-1974). Never throws.
 */
export function lint(text: string, options: LintOptions = {}, sourceMap?: SourceMap): Violation[] {
  return createLinter(options).lint(text, sourceMap);
}

/**
 * Lints a part of a configuration by itself: whole directives that stand in the block that the context names.
 * A pattern that takes two parts is seen only where both are in it. Lines count from the part's first.
 */
export function lintFragment(text: string, context: FragmentContext, options: LintOptions = {}): Violation[] {
  const { violations, facts } = inspectText(text, context, options);
  return byLine([...controlCharacters(text), ...violations, ...joinFacts([{ facts, lineOffset: 0 }])]);
}

/** A linter that remembers the reports of the last text's blocks, by the hash of each block. */
export function createLinter(options: LintOptions = {}): Linter {
  let remembered = new Map<string, FragmentReport>();
  let reused = 0;

  function lintText(text: string, sourceMap?: SourceMap): Violation[] {
    reused = 0;
    const split = fragmentsOf(text);
    if (!split) {
      // What is no configuration says nothing about the next text, which is likely to be like the one before.
      return lintBroken(text, options, sourceMap);
    }
    const skeleton = inspect(split.skeleton, { parent: 'main' }, options);
    const violations = [...controlCharacters(text), ...skeleton.violations];
    const placed = [{ facts: skeleton.facts, lineOffset: 0 }];
    const current = new Map<string, FragmentReport>();
    const inherited = JSON.stringify(split.inherited);
    for (const fragment of split.fragments) {
      const key = keyOf(fragment, inherited);
      const known = current.get(key) ?? remembered.get(key);
      const context = {
        parent: fragment.parent,
        inherited: fragment.parent === 'http' ? split.inherited : {},
      };
      const report = known ?? inspectText(fragment.text, context, options);
      reused += known ? 1 : 0;
      current.set(key, report);
      const lineOffset = fragment.line - 1;
      for (const violation of report.violations) {
        violations.push({ ...violation, line: violation.line + lineOffset });
      }
      placed.push({ facts: report.facts, lineOffset });
    }
    remembered = current;
    violations.push(...joinFacts(placed));
    return byLine(atTheirCause(violations, text, sourceMap));
  }

  return {
    lint: lintText,
    get reused() {
      return reused;
    },
  };
}

function keyOf(fragment: Fragment, inherited: string): string {
  return hash('sha256', `${fragment.parent}\n${inherited}\n${fragment.text}`, 'base64');
}

function inspectText(text: string, context: FragmentContext, options: LintOptions): FragmentReport {
  const { directives, errors } = parseConfig(text);
  const report = inspect(directives, context, options);
  const syntax = errors.map(({ line, message, suspectLine }) => syntaxViolation(suspectLine, line, message));
  return { violations: [...syntax, ...report.violations], facts: report.facts };
}

function lintBroken(text: string, options: LintOptions, sourceMap: SourceMap | undefined): Violation[] {
  const { directives, errors } = parseConfig(text);
  const report = inspect(directives, { parent: 'main' }, options);
  const ownerLine = sourceMap ? unbalancedObjectLine(text, sourceMap) : null;
  const syntax = errors.map(({ line, message, suspectLine }) =>
    syntaxViolation(ownerLine ?? suspectLine, line, message),
  );
  // Where a block is open too long, everything behind it is misplaced: the same mistake, told already.
  const others = report.violations.filter(({ rule }) => rule !== 'syntax-misplaced');
  const joined = joinFacts([{ facts: report.facts, lineOffset: 0 }]);
  return byLine([...controlCharacters(text), ...syntax, ...others, ...joined]);
}

function syntaxViolation(suspect: number, line: number, message: string): Violation {
  const where = suspect === line ? '' : `; noticed in line ${line}, the mistake is probably here`;
  return {
    line: suspect,
    rule: 'syntax',
    directive: '',
    message: `no nginx configuration: ${message}${where}`,
  };
}

/** Where the braces balance as a whole but not in their places, the misplaced block itself is innocent. */
function atTheirCause(
  violations: readonly Violation[],
  text: string,
  sourceMap: SourceMap | undefined,
): readonly Violation[] {
  const misplaced = violations.find(({ rule }) => rule === 'syntax-misplaced');
  if (!misplaced) {
    return violations;
  }
  const ownerLine = sourceMap ? unbalancedObjectLine(text, sourceMap) : null;
  const line = ownerLine ?? indentationSuspect(text);
  if (line === null) {
    return violations;
  }
  const others = violations.filter(({ rule }) => rule !== 'syntax-misplaced');
  const where = `; noticed in line ${misplaced.line}, the brace that is missing or too many is probably here`;
  return [...others, { ...misplaced, line, message: misplaced.message + where }];
}

/** All but tab and line ends: some end a line for one reader and not for another, and none has a use. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const controlCharacter = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)/g;

function controlCharacters(text: string): Violation[] {
  const violations: Violation[] = [];
  let line = 1;
  let from = 0;
  for (const { 0: character, index } of text.matchAll(controlCharacter)) {
    for (let at = text.indexOf('\n', from); at !== -1 && at < index; at = text.indexOf('\n', from)) {
      line++;
      from = at + 1;
    }
    if (violations.at(-1)?.line !== line) {
      const code = character.charCodeAt(0).toString(16).padStart(2, '0');
      const message = `has the control character 0x${code}; remove it`;
      violations.push({ line, rule: 'control-character', directive: '', message });
    }
  }
  return violations;
}

function byLine(violations: readonly Violation[]): Violation[] {
  return violations.toSorted((a, b) => a.line - b.line);
}
