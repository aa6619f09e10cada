import { described, integer } from '../model/grammar.ts';
import { seconds } from '../model/quantity.ts';
import { shown, type Parsed, type Token } from '../model/token.ts';
import { pattern } from '../model/value-type.ts';
import { keyword } from '../model/words.ts';
import { annotation, definePlugin } from './plugin.ts';

/** The words of nginx's `proxy_next_upstream` and `grpc_next_upstream`, `non_idempotent` last as ingress-nginx has it. */
const cases = [
  'error',
  'timeout',
  'invalid_header',
  'http_500',
  'http_502',
  'http_503',
  'http_504',
  'http_403',
  'http_404',
  'http_429',
  'non_idempotent',
] as const;

const mostSeconds = 31_536_000;
const mostTries = 1_000_000;

/** When a request is passed on to another endpoint, and how often. For HTTP and gRPC. */
export const retries = definePlugin({
  name: 'retries',
  order: 320,
  annotations: {
    'proxy-next-upstream': annotation<readonly string[] | null>({
      ...described(parseCases, {
        name: 'words',
        allowed: `off, or some of ${cases.join(', ')}`,
        shape: pattern(`(?:off|${cases.join('|')})(?:\\s+(?:off|${cases.join('|')}))*`),
        exact: true,
        samples: ['off', 'error timeout http_502'],
      }),
      default: null,
      risk: 'Medium',
      description: `What makes nginx try another endpoint: off, or some of ${cases.join(', ')}.`,
    }),
    'proxy-next-upstream-timeout': annotation<number | null>({
      ...integer(0, mostSeconds),
      default: null,
      description: 'Seconds after which no other endpoint is tried; 0 is no limit.',
    }),
    'proxy-next-upstream-tries': annotation<number | null>({
      ...integer(0, mostTries),
      default: null,
      description: 'How many endpoints are tried, the first included; 0 is no limit.',
    }),
  },
  routes({ settings, given, capabilities, options }) {
    if (given.length === 0) {
      return {};
    }
    const timeout = settings['proxy-next-upstream-timeout'];
    const tries = settings['proxy-next-upstream-tries'];
    return {
      location: {
        cases: casesOf(settings['proxy-next-upstream'], options['retry-non-idempotent']),
        timeout: timeout === null ? null : seconds(timeout),
        // In an object, because Handlebars takes 0 for nothing.
        tries: tries === null ? null : { most: tries },
        grpc: capabilities.grpc,
      },
    };
  },
});

/** The option `retry-non-idempotent` holds beside the annotation, but for `off`. */
function casesOf(words: readonly string[] | null, nonIdempotent: boolean): Token<'keyword'>[] | null {
  if (words === null) {
    return null;
  }
  const isOff = words.includes('off');
  const all = nonIdempotent && !isOff ? new Set([...words, 'non_idempotent']) : words;
  return [...all].map((word) => keyword(word));
}

function parseCases(text: string): Parsed<readonly string[]> {
  const words = text.split(/\s+/u).filter((word) => word !== '');
  const unknown = words.find((word) => word !== 'off' && !cases.some((name) => name === word));
  if (unknown !== undefined) {
    return { error: `${shown(unknown)} is not allowed: write off, or some of ${cases.join(', ')}` };
  }
  // To nginx, off among others switches everything off.
  return { value: words.includes('off') ? ['off'] : cases.filter((name) => words.includes(name)) };
}
