import { described, type Grammar } from '../model/grammar.ts';
import { hasControlCharacter, shown, token, type Parsed, type Token } from '../model/token.ts';
import { parseList } from './parsers.ts';

/** What a text is compared with: all of it, or a regular expression. Exactly one is not null. */
export interface Pattern {
  readonly exact: Token<'text'> | null;
  /** Compared without regard to letter case where `ignoreCase` says so. */
  readonly regex: Token<'regex'> | null;
}

/** Patterns separated by commas. */
export const patterns: Grammar<readonly Pattern[]> = described((text) => parseList(text, parsePattern), {
  name: 'list of patterns',
  allowed: 'texts, or "~" and a regular expression without groups that capture, separated by commas',
  samples: ['BadBot/1.0', '~(?:spider|crawler)'],
});

/** Longer ones are a mistake, and slow. */
const longest = 1024;

/** A group that captures by position: its value would be taken for another regex's (CVE-2026-42533). */
const positional = /(?<!\\)\((?!\?)/u;

/** Reads a key of nginx's `map`: the whole text, or `~` (letter case counts) or `~*` and a regular expression. */
export function parsePattern(text: string): Parsed<Pattern> {
  if (hasControlCharacter(text) || text.length > longest) {
    return { error: `${shown(text)} has a control character or more than ${longest} characters` };
  }
  if (!text.startsWith('~')) {
    return { value: { exact: token('text', text), regex: null } };
  }
  const expression = text.startsWith('~*') ? `(?i)${text.slice(2)}` : text.slice(1);
  const fault = faultOf(expression);
  return fault === null
    ? { value: { exact: null, regex: token('regex', expression) } }
    : { error: `${shown(text)} ${fault}` };
}

function faultOf(expression: string): string | null {
  if (expression.replace(/^\(\?i\)/u, '') === '') {
    return 'has no regular expression after "~"';
  }
  if (positional.test(expression)) {
    return 'has a group that captures: write (?:…) instead of (…)';
  }
  // Whether PCRE can read it only nginx can say; the line is the ConfigMap's, so that is told there.
  return null;
}
