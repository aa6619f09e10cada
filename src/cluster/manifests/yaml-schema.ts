import {
  boolYaml11Tag,
  defineScalarTag,
  FAILSAFE_SCHEMA,
  floatYaml11Tag,
  intYaml11Tag,
  mergeTag,
  NOT_RESOLVED,
  nullYaml11Tag,
} from 'js-yaml';

const digits = '0123456789'.split('');

/** As Go's strconv.ParseInt with base 0, after go-yaml has taken the underscores out. */
function resolveInt(source: string): number | typeof NOT_RESOLVED {
  const match = /^([+-]?)(?:0[bB]([01]+)|0[oO]?([0-7]+)|0[xX]([0-9a-fA-F]+)|(0|[1-9][0-9]*))$/.exec(
    source.replaceAll('_', ''),
  );
  if (match === null) {
    return NOT_RESOLVED;
  }
  const [, sign, binary, octal, hex, decimal] = match;
  return (sign === '-' ? -1 : 1) * intOf(binary, octal, hex, decimal);
}

function intOf(binary?: string, octal?: string, hex?: string, decimal?: string): number {
  if (binary !== undefined) {
    return Number.parseInt(binary, 2);
  }
  if (octal !== undefined) {
    return Number.parseInt(octal, 8);
  }
  return hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
}

const infinite = new Map([
  ['.inf', Infinity],
  ['.Inf', Infinity],
  ['.INF', Infinity],
  ['.nan', NaN],
  ['.NaN', NaN],
  ['.NAN', NaN],
]);

function resolveFloat(source: string): number | typeof NOT_RESOLVED {
  const special = infinite.get(source.replace(/^[+-]/, ''));
  if (special !== undefined) {
    return source.startsWith('-') ? -special : special;
  }
  const plain = source.startsWith('.') ? source : source.replaceAll('_', '');
  return /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(plain)
    ? Number(plain)
    : NOT_RESOLVED;
}

const goInt = defineScalarTag(intYaml11Tag.tagName, {
  implicit: true,
  implicitFirstChars: [...digits, '+', '-'],
  resolve: resolveInt,
  identify: () => false,
});

const goFloat = defineScalarTag(floatYaml11Tag.tagName, {
  implicit: true,
  implicitFirstChars: [...digits, '+', '-', '.'],
  resolve: resolveFloat,
  identify: () => false,
});

/**
 * YAML as Kubernetes reads it, which is go-yaml v2: the truth values of YAML 1.1 (`on`, `yes`), its octal numbers
 * (`0644`) and `<<`, but no base 60 (`1:30` is text), and dates stay text. With nothing that is not JSON in the end:
 * no dates, sets or byte strings.
 */
export const kubernetesSchema = FAILSAFE_SCHEMA.withTags(
  nullYaml11Tag,
  boolYaml11Tag,
  goInt,
  goFloat,
  mergeTag,
);
