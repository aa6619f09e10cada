import {
  bytesPattern,
  integerPattern,
  patternOfWords,
  type PatternShape,
  type Shape,
} from '../model/value-type.ts';

/** What JavaScript takes for blank, in RE2: its `\s` has neither the vertical tab nor what is beyond ASCII. */
const blank = '[\\s\\v\\p{Z}\\x{FEFF}]';

/**
 * Characters up to which a pattern is compared: a longer value is left to the gateway, since the API server stops an
 * expression at a cost that grows with the length of the text times that of the pattern.
 */
const longestCompared = 20_000;

/** A CEL literal of a text. */
export function celText(text: string): string {
  // CEL reads JSON's escapes; what JSON leaves as it is and a line of YAML does not is escaped as well.
  return JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A CEL literal of a list of texts. */
export function celTexts(texts: readonly string[]): string {
  return `[${texts.map(celText).join(', ')}]`;
}

/**
 * A CEL expression of a value for a message: shortened, quoted and on one line. The API server drops a warning in which
 * a character cannot be printed.
 */
export function celShown(value: string): string {
  const isPrintable = `${value}.matches(${celText('^[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S} \\t\\r\\n]*$')})`;
  const quoted = `strings.quote(size(${value}) > 80 ? ${value}.substring(0, 80) + "…" : ${value})`;
  return `(${isPrintable} ? ${quoted} : "a text with characters that cannot be shown")`;
}

/** A CEL expression that is true of a text that is not blank. */
export function celNotBlank(value: string): string {
  return `${value}.matches(${celText('[^\\s\\v\\p{Z}\\x{FEFF}]')})`;
}

/**
 * A CEL expression that says of a value, itself an expression, whether it has a shape; null where every text has it.
 * It says the same as `fits` (`src/model/value-type.ts`), and `true` of texts that are too long to be compared.
 */
export function celOfShape(shape: Shape, value: string): string | null {
  switch (shape.kind) {
    case 'any':
      return null;
    case 'words':
      return shape.trims || shape.ignoresCase
        ? celOfPattern(patternOfWords(shape), value)
        : `(${value} in ${celTexts(shape.words)})`;
    case 'integer': {
      const number = `int(${trimmed(value)})`;
      return and([
        matches(value, integerPattern, true),
        `${number} >= ${shape.least}`,
        `${number} <= ${shape.most}`,
      ]);
    }
    case 'bytes': {
      const count = celOfBytes(value);
      return and([
        matches(value, bytesPattern, true),
        `${count} >= ${shape.least}.0`,
        `${count} <= ${shape.most}.0`,
      ]);
    }
    default:
      return celOfPattern(shape, value);
  }
}

function celOfPattern({ pattern, trims, longest, without }: PatternShape, value: string): string {
  const judged = trims ? trimmed(value) : value;
  const conditions = [
    matches(value, pattern, trims),
    ...(longest === null ? [] : [`size(${judged}) <= ${longest}`]),
    ...without.map((each) => `!${judged}.matches(${celText(inRe2(each))})`),
  ];
  return `(size(${value}) > ${longestCompared} || ${and(conditions)})`;
}

/** As JavaScript's `trim()`, but for a U+FEFF in the middle, which no pattern takes. */
function trimmed(value: string): string {
  return `${value}.replace("\\ufeff", "").trim()`;
}

function matches(value: string, pattern: string, trims: boolean): string {
  const text = trims ? `${blank}*(?:${inRe2(pattern)})${blank}*` : inRe2(pattern);
  return `${value}.matches(${celText(`^(?:${text})$`)})`;
}

/** Shapes have `\s` outside of classes alone. */
function inRe2(pattern: string): string {
  return pattern.replaceAll('\\s', blank);
}

/** As a double: 15 digits and a `g` are more than an integer holds. The Kelvin sign is a `k` without letter case. */
function celOfBytes(value: string): string {
  const text = `${trimmed(value)}.lowerAscii()`;
  const digits = `double(${text}.matches("[0-9]$") ? ${text} : ${text}.substring(0, size(${text}) - 1))`;
  const factors = [
    [`${text}.matches("[0-9b]$")`, '1.0'],
    [`${text}.endsWith("m")`, '1048576.0'],
    [`${text}.endsWith("g")`, '1073741824.0'],
  ];
  return `${digits} * (${factors.map(([condition, factor]) => `${condition} ? ${factor} : `).join('')}1024.0)`;
}

function and(conditions: readonly string[]): string {
  return `(${conditions.join(' && ')})`;
}
