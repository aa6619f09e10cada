import { hasControlCharacter, shown, token, whole, type Parsed, type Token } from './token.ts';

const isIdentifier = whole('[A-Za-z0-9_-]{1,200}');
const isFile = whole('/[A-Za-z0-9_./@+:~-]{0,1000}');
const isObject = whole('[A-Za-z]{1,40}/[a-z0-9.-]{0,253}/[A-Za-z0-9.:_-]{1,253}');

/** A name of the gateway's own making. Throws on anything else: that is a bug, never input. */
export function identifier(text: string): Token<'identifier'> {
  return madeHere('identifier', text, isIdentifier(text));
}

/** A word of a closed set that stands in our source. Throws on anything but letters, digits, `_`, `-` and `.`. */
export function keyword(text: string): Token<'keyword'> {
  return madeHere('keyword', text, whole('[A-Za-z0-9_.-]{1,60}')(text));
}

/**
 * An absolute path of a file that the gateway writes or found on the machine; nothing of it comes from the
 * cluster. Throws where it holds a character outside letters, digits and `_ . / @ + : ~ -`.
 */
export function file(path: string): Token<'file'> {
  return madeHere('file', path, isFile(path));
}

/** The name of an object for a comment. Its parts were checked when the object was read; checked again here. */
export function objectName(key: string): Token<'object'> {
  return madeHere('object', key, isObject(key));
}

/**
 * nginx text with variables. `parts` alternate between constants of our source, in which `$` starts a variable,
 * and tokens, in which nothing does: the tagged template keeps the two apart.
 */
export function expression(
  constants: TemplateStringsArray,
  ...tokens: readonly Token[]
): Token<'expression'> {
  let text = constants[0] ?? '';
  for (const [index, part] of tokens.entries()) {
    text += expandable(part) + (constants[index + 1] ?? '');
  }
  return madeHere('expression', text, !hasControlCharacter(text));
}

/**
 * The text of a token where nginx expands variables: nginx has no escape for `$`, so a literal one is a
 * variable that holds it (declared in `nginx.conf.hbs`).
 */
export function expandable(part: Token): string {
  return part.token === 'expression' ? part.text : part.text.replaceAll('$', '${literal_dollar}');
}

/** Free text of a value: any character that is no control character. */
export function parseText(text: string, longest = 4096): Parsed<Token<'text'>> {
  if (hasControlCharacter(text)) {
    return { error: `${shown(text)} has a control character or line end: remove it` };
  }
  if (text.length > longest) {
    return { error: `${shown(text)} is longer than ${longest} characters` };
  }
  return { value: token('text', text) };
}

function madeHere<K extends 'identifier' | 'keyword' | 'file' | 'object' | 'expression'>(
  kind: K,
  text: string,
  sound: boolean,
): Token<K> {
  if (!sound) {
    throw new TypeError(`not a sound ${kind}: ${shown(text)}`);
  }
  return token(kind, text);
}
