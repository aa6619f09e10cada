import { hasControlCharacter, isToken, type Token } from '../model/token.ts';

/**
 * How values become nginx text. Each function is for one syntactic place and takes tokens, numbers and booleans
 * only; anything else throws, so that a plain text from the cluster cannot be printed by any template.
 */

/** Characters that stand for themselves in a bare word wherever nginx reads one. */
const bare = /^[A-Za-z0-9_./:@+,-]+$/u;

/** The same with variables, but for `${`, which nginx reads as the start of a braced name. */
const bareWithVariables = /^[A-Za-z0-9_./:@+,$-]+$/u;

/** An argument in which nginx expands variables: the value of a header, of `return`, of `set`. */
export function encodeValue(value: unknown): string {
  const plain = encodePlain(value);
  if (plain !== null) {
    return plain;
  }
  const part = demand(value, 'value');
  if (part.token === 'expression') {
    return bareWithVariables.test(part.text) ? part.text : quotedForReaders(part.text);
  }
  if (part.token === 'regex') {
    throw unencoded(value, 'value', 'print a regex with the helper "regex"');
  }
  return argument(part.text.replaceAll('$', '${literal_dollar}'));
}

/** An argument in which nginx expands nothing: a location's path, a server name, an address, a file. */
export function encodeLiteral(value: unknown): string {
  const plain = encodePlain(value);
  if (plain !== null) {
    return plain;
  }
  const part = demand(value, 'literal');
  if (part.token === 'regex' || part.token === 'expression') {
    throw unencoded(value, 'literal', `a ${part.token} does not stand for itself`);
  }
  return argument(part.text);
}

/** A regular expression after `~` or `~*`, always in quotes: braces and semicolons are common in it. */
export function encodeRegex(value: unknown): string {
  const part = demand(value, 'regex');
  if (part.token !== 'regex') {
    throw unencoded(value, 'regex', `a ${part.token} is no regular expression`);
  }
  return quoted(part.text);
}

/** The same as `encodeRegex` with `~` inside the quotes, as `server_name` and `map` need it. */
export function encodeRegexName(value: unknown): string {
  const part = demand(value, 'regex');
  if (part.token !== 'regex') {
    throw unencoded(value, 'regexName', `a ${part.token} is no regular expression`);
  }
  return quoted(`~${part.text}`);
}

/** The source value of a line of a map: never a regex, never one of map's own words. */
export function encodeMapKey(value: unknown): string {
  const part = demand(value, 'mapKey');
  if (part.token === 'regex' || part.token === 'expression') {
    throw unencoded(value, 'mapKey', `a ${part.token} is no literal key`);
  }
  const special = /^(?:[~\\]|(?:default|hostnames|volatile|include)$)/u.test(part.text);
  return quoted(special ? `\\${part.text}` : part.text);
}

/** Text of a comment: only names of objects, checked character by character. */
export function encodeComment(value: unknown): string {
  const part = demand(value, 'comment');
  if (part.token !== 'object' && part.token !== 'identifier' && part.token !== 'keyword') {
    throw unencoded(value, 'comment', 'a comment prints names of objects only');
  }
  return part.text;
}

/** Directives at a place where directives stand: only what the reader of snippets made, which balances. */
export function encodeSnippet(value: unknown): string {
  if (!isToken(value) || value.token !== 'snippet') {
    throw unencoded(value, 'snippet', 'only snippets are directives');
  }
  if (value.text.split('\n').some((line) => hasControlCharacter(line))) {
    throw unencoded(value, 'snippet', 'it has a control character');
  }
  return value.text;
}

/** nginx reads `\"` and `\\` inside double quotes; every other backslash stands for itself, so both are doubled. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Single quotes are read alike by nginx, and easier to read around text with double quotes of its own. */
function quotedForReaders(text: string): string {
  return text.includes('"') && !/['\\]/u.test(text) ? `'${text}'` : quoted(text);
}

function argument(text: string): string {
  return bare.test(text) ? text : quoted(text);
}

function encodePlain(value: unknown): string | null {
  if (typeof value === 'number' && Number.isFinite(value)) {
    return String(value);
  }
  if (typeof value === 'boolean') {
    return value ? 'on' : 'off';
  }
  return null;
}

function demand(value: unknown, place: string): Token {
  if (!isToken(value)) {
    throw unencoded(value, place, 'only tokens, numbers and booleans can be printed');
  }
  if (value.token === 'snippet') {
    throw unencoded(value, place, 'directives are printed with the helper "snippet"');
  }
  if (hasControlCharacter(value.text)) {
    throw unencoded(value, place, 'it has a control character');
  }
  return value;
}

/** Thrown by the encoders; `templates.ts` adds the file and line. Never shows the value, which may be a secret. */
export class UnencodedValue extends Error {}

function unencoded(value: unknown, place: string, why: string): UnencodedValue {
  const what = isToken(value) ? `a token ${value.token}` : `a ${value === null ? 'null' : typeof value}`;
  return new UnencodedValue(`${what} in the place "${place}" (${why})`);
}
