import { described, type Grammar } from '../model/grammar.ts';
import { parseDuration } from '../model/quantity.ts';
import { refused, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { pattern } from '../model/value-type.ts';

/** How long answers of some statuses are shared: nginx's `proxy_cache_valid`. */
export interface CacheRule {
  readonly statuses: readonly number[];
  readonly time: Token<'duration'>;
}

/** ingress-nginx's own. */
export const defaultCacheRules: readonly CacheRule[] = [
  { statuses: [200, 202, 401], time: token('duration', '5m') },
];

const isStatus = whole('[1-5][0-9][0-9]');
const isTime = whole('[0-9]{1,9}(?:ms|s|m|h|d|w|M|y)');

const rulePattern = '[1-5][0-9][0-9](?:\\s+[1-5][0-9][0-9])*\\s+[0-9]{1,9}(?:ms|s|m|h|d|w|M|y)';

/** Rules separated by commas. */
export const cacheRules: Grammar<readonly CacheRule[]> = described(parseCacheRules, {
  name: 'list of rules',
  allowed: 'statuses and a time with its unit, for example 200 202 10m, 401 1m',
  shape: pattern(`${rulePattern}(?:\\s*,\\s*${rulePattern})*`),
  exact: true,
  samples: ['200 202 10m, 401 1m'],
});

/** Reads rules separated by commas, each with statuses and then a time with its unit. */
export function parseCacheRules(text: string): Parsed<readonly CacheRule[]> {
  const rules: CacheRule[] = [];
  for (const item of text.split(',')) {
    const words = item.split(/\s+/u).filter((word) => word !== '');
    const last = words.at(-1) ?? '';
    const statuses = words.slice(0, -1);
    const time = parseDuration(last);
    if (refused(time) || !isTime(last) || statuses.length === 0 || !statuses.every(isStatus)) {
      return {
        error: `${shown(text)} is not allowed: write statuses and a time with its unit, for example 200 202 10m, 401 1m`,
      };
    }
    rules.push({ statuses: statuses.map(Number), time: time.value });
  }
  return { value: rules };
}
