import { redactText } from './redact.ts';

/**
 * A value that has been parsed at the door and knows what it is. Tokens are plain objects, so that they cross
 * threads and Handlebars' prototype guard; only the parsers in this folder make them, and only an encoder of
 * `render` prints them.
 */
export interface Token<K extends TokenKind = TokenKind> {
  readonly token: K;
  readonly text: string;
}

export type TokenKind =
  /** An exact DNS name in lower case. */
  | 'host'
  /** `*.` and a DNS name in lower case. */
  | 'wildcard-host'
  /** An absolute path, compared literally. */
  | 'path'
  /** A regular expression in PCRE syntax. */
  | 'regex'
  | 'header-name'
  | 'cookie-name'
  /** Digits and an nginx time unit, for example `500ms`, `5s`. */
  | 'duration'
  /** Digits and an nginx size unit, for example `8k`. */
  | 'size'
  /** An absolute http or https URL. */
  | 'url'
  /** An IPv4 or IPv6 address, or a network in CIDR form. */
  | 'cidr'
  /** `ip:port` or `[ip]:port`. */
  | 'address'
  /** Text printed as it is, never expanded. */
  | 'text'
  /** One word of a closed set of the gateway's own. */
  | 'keyword'
  /** A name made by the gateway for an upstream, zone, map or variable: letters, digits, `_`, `-`. */
  | 'identifier'
  /** An absolute path of a file the gateway writes or found; no part of it comes from the cluster. */
  | 'file'
  /** nginx text with variables, written by the gateway from constants and tokens. */
  | 'expression'
  /** Whole directives that an operator or, where one allows it, an Ingress wrote: made by the reader of snippets alone. */
  | 'snippet'
  /** `Kind/namespace/name`, checked character by character. */
  | 'object';

/** What a parser returns: a value, or what is wrong and what is allowed, in words that follow the field's name. */
export type Parsed<T> = { readonly value: T } | { readonly error: string };

/** True where a parser refused its input. */
export function refused<T>(parsed: Parsed<T>): parsed is { readonly error: string } {
  return 'error' in parsed;
}

/** True of any value a parser of this folder made. */
export function isToken(value: unknown): value is Token {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Token>).token === 'string' &&
    typeof (value as Partial<Token>).text === 'string'
  );
}

export function token<K extends TokenKind>(kind: K, text: string): Token<K> {
  return { token: kind, text };
}

/**
 * C0 and C1 controls, DEL, and the Unicode line ends: rejected in every token, because a line end closes a
 * comment or a directive's line whatever quotes stand around it (CVE-2021-25748, CVE-2026-4342).
 */
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;

/** True where the text has a character that no token may hold. */
export function hasControlCharacter(text: string): boolean {
  return control.test(text);
}

/**
 * Shortens a hostile value for a message, hides the credentials in it, and makes visible what would break or disguise
 * its line.
 */
export function shown(text: string): string {
  // Before it is cut: without its end nothing tells a password.
  const safe = redactText(text);
  return JSON.stringify(safe.length > 80 ? `${safe.slice(0, 80)}…` : safe).replaceAll(
    /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** Letters from A to Z in lower case: `toLowerCase` would make ASCII letters of the Kelvin sign and others, too. */
export function lowerCase(text: string): string {
  return text.replaceAll(/[A-Z]+/gu, (letters) => letters.toLowerCase());
}

/**
 * Builds a matcher of the whole text. The one place where input is matched by a regular expression: `^a|b$`
 * binds its anchors to the ends only (CVE-2024-7646, CVE-2026-1580), and `$` without this form lets a last line
 * end through.
 */
export function whole(pattern: string): (text: string) => boolean {
  const expression = new RegExp(`^(?:${pattern})(?![^])`, 'u');
  return (text) => expression.test(text);
}
