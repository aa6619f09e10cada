import { isIP } from 'node:net';
import { described, flag } from '../model/grammar.ts';
import { parseInteger, parseSize } from '../model/quantity.ts';
import { refused, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { keyword } from '../model/words.ts';
import { option, type OptionTable } from './option.ts';
import {
  cidrs,
  durationOption,
  integer,
  parseList,
  parseWord,
  secondsOption,
  sizeOption,
  time,
} from './parsers.ts';

/** nginx's own processes, and how clients are listened to. */
export const connections = {
  'worker-processes': option<number | Token<'keyword'> | null>({
    ...described(parseProcesses, {
      name: 'whole number',
      allowed: 'a whole number from 1 to 512, or auto',
      samples: ['auto', '4'],
    }),
    default: null,
    description:
      'Worker processes of nginx, or `auto`. Default: `nginx.worker_processes` of the config file.',
  }),
  'worker-shutdown-timeout': option<Token<'duration'> | null>({
    ...time,
    default: null,
    description:
      'How long old workers may finish their requests. Default: `nginx.worker_shutdown_timeout` of the config file.',
  }),
  'worker-cpu-affinity': option<readonly Token<'keyword'>[]>({
    ...described(parseAffinity, {
      name: 'words',
      allowed: 'auto, or masks of 0 and 1',
      samples: ['auto', '01 10'],
    }),
    default: [],
    description: 'Binds workers to CPUs: `auto`, or masks of 0 and 1. Default: not bound.',
  }),
  'max-worker-connections': integer(
    16_384,
    64,
    1_000_000,
    'Connections that one worker holds, to clients and backends together.',
  ),
  'max-worker-open-files': integer(
    0,
    0,
    10_000_000,
    "Files that one worker may have open; 0 leaves the system's limit.",
  ),
  'enable-multi-accept': option({
    ...flag,
    default: true,
    description: 'Whether a worker takes all waiting connections at once.',
  }),
  'debug-connections': option<readonly Token<'cidr'>[]>({
    ...cidrs,
    default: [],
    description:
      'Clients whose connections are logged in detail, separated by commas. It takes an nginx built with --with-debug, and `error-log-level: debug`.',
  }),
  'bind-address': option<readonly string[]>({
    ...described((text) => parseList(text, parseIp), {
      name: 'list of addresses',
      allowed: 'IP addresses separated by commas',
      samples: ['192.0.2.7', '192.0.2.7, 2001:db8::7'],
    }),
    default: [],
    description: 'Addresses that nginx listens on, separated by commas. Default: all.',
  }),
  'disable-ipv6': option({
    ...flag,
    default: false,
    description: 'Whether nginx does not listen on IPv6.',
  }),
  'disable-ipv6-dns': option({
    ...flag,
    default: false,
    description: 'Whether names of ExternalName Services are not looked up as IPv6 addresses.',
  }),
  'reuse-port': option({
    ...flag,
    default: false,
    description:
      'Whether each worker has a listening socket of its own. A reload that changes the number of workers loses connections then.',
  }),
  'use-http2': option({
    ...flag,
    default: true,
    description: 'Whether HTTP/2 is offered on HTTPS.',
  }),
  'http2-max-concurrent-streams': integer(128, 1, 65_535, 'Requests at once on one HTTP/2 connection.'),
  'keep-alive': secondsOption(75, 'How long an idle client connection is kept; 0 keeps none.'),
  'keep-alive-requests': integer(1000, 1, 1_000_000_000, 'Requests on one client connection.'),
  'client-header-timeout': secondsOption(60, 'How long the header of a request may take to arrive.'),
  'client-body-timeout': secondsOption(60, 'How long a client may pause while it sends a body.'),
  'client-header-buffer-size': sizeOption('1k', 'The first buffer for the header of a request.'),
  'large-client-header-buffers': option<LargeBuffers>({
    ...described(parseLargeBuffers, {
      name: 'number and size',
      allowed: 'a number from 1 to 64 and a size of at most 2m',
      samples: ['4 8k'],
    }),
    default: { count: 4, size: token('size', '8k') },
    description: 'Number and size of the buffers for long headers.',
  }),
  'client-body-buffer-size': sizeOption('8k', 'Bodies above this are written to disk.'),
  'ignore-invalid-headers': option({
    ...flag,
    default: true,
    description: 'Whether headers with characters other than letters, digits and `-` are left out.',
  }),
  'enable-underscores-in-headers': option({
    ...flag,
    default: false,
    description: 'Whether headers with `_` in their name are passed on.',
  }),
  'server-name-hash-max-size': integer(
    1024,
    32,
    16_777_216,
    'Size of the table of host names; made larger where the hosts need it.',
  ),
  'server-name-hash-bucket-size': integer(
    64,
    32,
    65_536,
    'Bucket of the table of host names; made larger where a name needs it.',
  ),
  'map-hash-bucket-size': integer(128, 32, 65_536, 'Bucket of the tables of `map`.'),
  'variables-hash-bucket-size': integer(256, 32, 65_536, 'Bucket of the table of variables.'),
  'variables-hash-max-size': integer(2048, 32, 16_777_216, 'Size of the table of variables.'),
  'proxy-headers-hash-bucket-size': integer(64, 32, 65_536, 'Bucket of the table of headers to backends.'),
  'proxy-headers-hash-max-size': integer(1024, 32, 1_048_576, 'Size of the table of headers to backends.'),
  'default-type': option({
    ...described(parseMimeType, {
      name: 'media type',
      allowed: 'a media type',
      samples: ['text/html'],
    }),
    default: token('text', 'text/html'),
    description: 'The type of answers of nginx itself that say no other.',
  }),
  'enable-aio-write': option({
    ...flag,
    default: false,
    description: 'Whether files are read and written by threads of their own, where nginx has them.',
  }),
  'nginx-status-ipv4-whitelist': option<readonly Token<'cidr'>[]>({
    ...cidrs,
    default: [],
    closed: [],
    description:
      "Addresses that get nginx's own figures under `/nginx_status` of hosts that no rule has. Default: none, and no such page.",
  }),
  'nginx-status-ipv6-whitelist': option<readonly Token<'cidr'>[]>({
    ...cidrs,
    default: [],
    closed: [],
    description: 'The same for IPv6.',
  }),
  'server-tokens': option({
    ...flag,
    default: false,
    remark: (text) =>
      text.trim() === 'false' ? 'leaves the header "Server: nginx": nginx alone cannot take it away' : null,
    description: "Whether answers and error pages tell nginx's version.",
  }),
  // ingress-nginx's 320 are for its one upstream of all Services; here they would be for each.
  'upstream-keepalive-connections': integer(
    32,
    0,
    65_535,
    'Idle connections to the backends of one Service, in each worker; 0 keeps none.',
  ),
  'upstream-keepalive-requests': integer(10_000, 1, 1_000_000_000, 'Requests on one backend connection.'),
  'upstream-keepalive-time': durationOption('1h', 'How long a backend connection may be used at all.'),
  'upstream-keepalive-timeout': secondsOption(60, 'How long an idle backend connection is kept.'),
} satisfies OptionTable;

function parseProcesses(text: string): Parsed<number | Token<'keyword'>> {
  return text.trim() === 'auto' ? parseWord(text, ['auto']) : parseInteger(text, 1, 512);
}

export interface LargeBuffers {
  readonly count: number;
  readonly size: Token<'size'>;
}

/** CVE-2026-42055: with HTTP/2 backends a header above this no longer fits its length field. */
const largestBuffer = 2 * 1024 * 1024;

function parseLargeBuffers(text: string): Parsed<LargeBuffers> {
  const [number = '', size = '', ...rest] = text.trim().split(/\s+/u);
  const count = parseInteger(number, 1, 64);
  const parsed = parseSize(size);
  if (refused(count) || refused(parsed) || rest.length > 0) {
    return { error: `${shown(text)} is not a number and a size: write for example "4 8k"` };
  }
  if (bytesOf(parsed.value) > largestBuffer) {
    return { error: `${shown(text)} is too large: at most 2m each` };
  }
  return { value: { count: count.value, size: parsed.value } };
}

function bytesOf({ text }: Token<'size'>): number {
  const units: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
  return Number.parseInt(text, 10) * (units[text.at(-1) ?? ''] ?? 1);
}

const isMask = whole('[01]{1,512}');

function parseAffinity(text: string): Parsed<readonly Token<'keyword'>[]> {
  const words = text.trim().split(/\s+/u);
  const sound = words.every((word, index) => (word === 'auto' ? index === 0 : isMask(word)));
  return sound && words.every((word) => word.length <= 60)
    ? { value: words.map((word) => keyword(word)) }
    : { error: `${shown(text)} is not allowed: write auto, or masks of 0 and 1 such as "01 10"` };
}

function parseIp(text: string): Parsed<string> {
  return isIP(text) === 0 || text.includes('%')
    ? { error: `${shown(text)} is not an IP address` }
    : { value: text.toLowerCase() };
}

const isMimeType = whole('[A-Za-z0-9][A-Za-z0-9!#&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#&^_.+-]{0,126}');

/** Reads a media type such as `text/html`. */
export function parseMimeType(text: string): Parsed<Token<'text'>> {
  return isMimeType(text.trim())
    ? { value: token('text', text.trim()) }
    : { error: `${shown(text)} is not a media type: write for example text/html` };
}
