import { cidrPattern, inGeo, spelledAlike } from '../model/cidr-list.ts';
import { described, mapped, integer as integerGrammar, type Grammar } from '../model/grammar.ts';
import { parseCidr } from '../model/network.ts';
import { parseDuration, parseSeconds, parseSize } from '../model/quantity.ts';
import { refused, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { listPattern, pattern } from '../model/value-type.ts';
import { keyword } from '../model/words.ts';
import { option, type OptionSpec } from './option.ts';

/** More items than this in one list are a mistake; each is a line of the configuration. */
const mostItems = 10_000;

/** Seconds, or a time in nginx's own form. */
export const time: Grammar<Token<'duration'>> = described(parseTime, {
  name: 'time',
  allowed: 'seconds, or digits and one of ms, s, m, h, d, for example 5m',
  shape: pattern('[0-9]{1,9}(?:ms|s|m|h|d|w|M|y)?'),
  exact: true,
  samples: ['60', '500ms', '5m'],
});

/** A size in nginx's own form. */
export const size: Grammar<Token<'size'>> = described(parseSize, {
  name: 'size',
  allowed: 'digits and one of k, m, g, for example 8k',
  shape: pattern('[0-9]{1,12}[kKmMgG]?'),
  exact: true,
  samples: ['0', '8k'],
});

/** Addresses and networks, separated by commas. */
export const cidrs: Grammar<readonly Token<'cidr'>[]> = described(parseCidrs, {
  name: 'list of addresses',
  allowed: 'IP addresses and networks separated by commas, for example 10.0.0.0/8,192.0.2.7',
  shape: pattern(listPattern(cidrPattern, 0)),
  samples: ['10.0.0.0/8', '192.0.2.7, 2001:db8::/32'],
});

/** The same, as the lines of a `geo`. */
export const geoCidrs: Grammar<readonly Token<'cidr'>[]> = mapped(cidrs, inGeo);

function parseCidrs(text: string): Parsed<readonly Token<'cidr'>[]> {
  const parsed = parseList(text, parseCidr);
  return refused(parsed) ? parsed : { value: spelledAlike(parsed.value) };
}

/** Names of headers, separated by commas. */
export const headers: Grammar<readonly Token<'header-name'>[]> = described(
  (text) => parseList(text, parseHeader),
  {
    name: 'list of headers',
    allowed: 'names of headers separated by commas',
    samples: ['X-Powered-By, Server'],
  },
);

/** The namespace and name of an object. */
export const namespacedName: Grammar<NamedObject> = described(parseNamespacedName, {
  name: 'namespace/name',
  allowed: 'the namespace and name of a ConfigMap as namespace/name',
  shape: pattern('[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9.-]{0,252}'),
  exact: true,
  samples: ['default/my-headers'],
});

/** One word of a closed set. */
export function oneOf(words: readonly string[]): Grammar<Token<'keyword'>> {
  return described((text) => parseWord(text, words), {
    name: 'word',
    allowed: `one of ${words.join(', ')}`,
    samples: words,
  });
}

/** Words of a closed set, separated by blanks. */
export function someOf(allowed: readonly string[]): Grammar<readonly Token<'keyword'>[]> {
  return described((text) => parseWords(text, allowed), {
    name: 'words',
    allowed: `some of ${allowed.join(', ')}, separated by blanks`,
    samples: [allowed.join(' ')],
  });
}

/** Whole numbers within bounds, both inclusive. */
export function integer(
  fallback: number,
  least: number,
  most: number,
  description: string,
): OptionSpec<number> {
  return option({ ...integerGrammar(least, most), default: fallback, description });
}

/** Seconds without a unit, as ingress-nginx has most of its times; a unit of nginx's is taken too. */
export function secondsOption(fallback: number, description: string): OptionSpec<Token<'duration'>> {
  return option({ ...time, default: token('duration', `${fallback}s`), description });
}

/** Digits alone are seconds; `ms`, `s`, `m`, `h` … may follow. */
export function parseTime(text: string): Parsed<Token<'duration'>> {
  return /^\s*\d+\s*$/u.test(text) ? parseSeconds(text) : parseDuration(text);
}

/** Times in nginx's own form. */
export function durationOption(fallback: string, description: string): OptionSpec<Token<'duration'>> {
  return option({ ...time, default: token('duration', fallback), description });
}

/** Sizes in nginx's own form. */
export function sizeOption(fallback: string, description: string): OptionSpec<Token<'size'>> {
  return option({ ...size, default: token('size', fallback), description });
}

/** One word of a closed set, printed as it is. */
export function wordOption(
  fallback: string,
  words: readonly string[],
  description: string,
): OptionSpec<Token<'keyword'>> {
  return option({ ...oneOf(words), default: keyword(fallback), description });
}

/** Reads one word of a closed set, in any letter case where the set is in lower case. */
export function parseWord(text: string, words: readonly string[]): Parsed<Token<'keyword'>> {
  const trimmed = text.trim();
  const found =
    words.find((word) => word === trimmed) ?? words.find((word) => word === trimmed.toLowerCase());
  return found === undefined
    ? { error: `${shown(text)} is not allowed: write one of ${words.join(', ')}` }
    : { value: keyword(found) };
}

/** Reads words of a closed set, separated by blanks; each is kept once. */
export function parseWords(text: string, words: readonly string[]): Parsed<readonly Token<'keyword'>[]> {
  return parseItems(text.trim().split(/\s+/u), (item) => parseWord(item, words));
}

/** Reads a list separated by commas. The first bad item refuses all of it. */
export function parseList<T>(text: string, parse: (item: string) => Parsed<T>): Parsed<readonly T[]> {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  return parseItems(items, parse);
}

function parseItems<T>(items: readonly string[], parse: (item: string) => Parsed<T>): Parsed<readonly T[]> {
  if (items.length > mostItems) {
    return { error: `has ${items.length} items: at most ${mostItems} are allowed` };
  }
  const values: T[] = [];
  for (const item of new Set(items)) {
    const parsed = parse(item);
    if (refused(parsed)) {
      return parsed;
    }
    values.push(parsed.value);
  }
  return { value: values };
}

const isHeaderName = whole("[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}");

/** Reads a header's name: the characters of RFC 9110, but for `$`, which nginx would expand. */
export function parseHeader(text: string): Parsed<Token<'header-name'>> {
  return isHeaderName(text) && !text.includes('$')
    ? { value: token('header-name', text) }
    : { error: `${shown(text)} is not the name of a header: write letters, digits and "-"` };
}

/** A ConfigMap of another name. */
export interface NamedObject {
  readonly namespace: string;
  readonly name: string;
}

const isNamespacedName = whole('[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9.-]{0,252}');

/** Reads `namespace/name`. */
export function parseNamespacedName(text: string): Parsed<NamedObject> {
  const trimmed = text.trim();
  const [namespace = '', name = ''] = trimmed.split('/');
  return isNamespacedName(trimmed)
    ? { value: { namespace, name } }
    : { error: `${shown(text)} is not namespace/name, for example default/my-headers` };
}
