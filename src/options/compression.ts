import { described, flag } from '../model/grammar.ts';
import { shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { parseMimeType } from './connections.ts';
import { option, type OptionTable } from './option.ts';
import { integer } from './parsers.ts';

const gzipTypes =
  'application/atom+xml application/javascript application/x-javascript application/json application/rss+xml application/vnd.ms-fontobject application/x-font-ttf application/x-web-app-manifest+json application/xhtml+xml application/xml font/opentype image/svg+xml image/x-icon text/css text/javascript text/plain text/x-component';

const brotliTypes = `application/xml+rss ${gzipTypes}`;

/** Compression of answers. */
export const compression = {
  'use-gzip': option({
    ...flag,
    default: false,
    description: 'Whether answers are compressed with gzip.',
  }),
  'gzip-level': integer(1, 1, 9, 'How hard it tries.'),
  'gzip-min-length': integer(256, 0, 1_073_741_824, 'Answers shorter than this many bytes are left alone.'),
  'gzip-types': option<readonly Token<'text'>[]>({
    ...described(parseTypes, {
      name: 'media types',
      allowed: 'media types separated by blanks, or *',
      samples: ['*', 'text/css application/json'],
    }),
    default: gzipTypes.split(' ').map((type) => token('text', type)),
    description: 'Media types that are compressed besides text/html, separated by blanks, or `*`.',
  }),
  'gzip-disable': option<Token<'regex'> | null>({
    ...described(parseAgents, {
      name: 'text',
      allowed: 'letters, digits, blanks and . _ / -',
      samples: ['msie6'],
    }),
    default: null,
    description: 'User agents that get no compressed answer: a word such as `msie6`. Default: none.',
  }),
  'enable-brotli': option({
    ...flag,
    default: false,
    description: 'Whether answers are compressed with brotli; it takes an nginx with that module.',
  }),
  'brotli-level': integer(4, 0, 11, 'How hard it tries.'),
  'brotli-min-length': integer(20, 0, 1_073_741_824, 'Answers shorter than this many bytes are left alone.'),
  'brotli-types': option<readonly Token<'text'>[]>({
    ...described(parseTypes, {
      name: 'media types',
      allowed: 'media types separated by blanks, or *',
      samples: ['*', 'text/css application/json'],
    }),
    default: brotliTypes.split(' ').map((type) => token('text', type)),
    description: 'Media types that are compressed besides text/html, separated by blanks, or `*`.',
  }),
} satisfies OptionTable;

function parseTypes(text: string): Parsed<readonly Token<'text'>[]> {
  if (text.trim() === '*') {
    return { value: [token('text', '*')] };
  }
  const types: Token<'text'>[] = [];
  for (const item of new Set(text.trim().split(/\s+/u))) {
    const parsed = parseMimeType(item);
    if ('error' in parsed) {
      return parsed;
    }
    // nginx warns of text/html, which it always compresses.
    if (item !== 'text/html') {
      types.push(parsed.value);
    }
  }
  return { value: types };
}

const isAgents = whole('[A-Za-z0-9 ._/-]{1,200}');

function parseAgents(text: string): Parsed<Token<'regex'>> {
  return isAgents(text.trim())
    ? { value: token('regex', text.trim()) }
    : { error: `${shown(text)} is not allowed: write letters, digits, blanks and . _ / -` };
}
