import { isIP } from 'node:net';
import { described, flag } from '../model/grammar.ts';
import { parseSize } from '../model/quantity.ts';
import { refused, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { file } from '../model/words.ts';
import { option, type OptionTable } from './option.ts';
import { integer, parseTime } from './parsers.ts';

/** Where logs go beside the files of the gateway, which it reads itself. */
export const logTargets = {
  'access-log-path': logPath('A file that requests, and TCP and UDP sessions, are logged to as well.'),
  'http-access-log-path': logPath('The same for requests alone; it holds before `access-log-path`.'),
  'stream-access-log-path': logPath('The same for TCP and UDP sessions alone.'),
  'access-log-params': option<readonly Token<'text'>[]>({
    ...described(parseParameters, {
      name: 'parameters',
      allowed: 'some of buffer=SIZE, flush=TIME, gzip and gzip=LEVEL, separated by blanks',
      samples: ['buffer=16k flush=5s'],
    }),
    default: [],
    description: 'How those files are written: `buffer`, `flush` and `gzip` of `access_log`.',
  }),
  'error-log-path': logPath('A file that nginx writes its errors to as well.'),
  'enable-syslog': option({
    ...flag,
    default: false,
    description: 'Whether requests and errors are sent to `syslog-host` as well.',
  }),
  'syslog-host': option<Token<'text'> | null>({
    ...described(parseSyslogHost, {
      name: 'host',
      allowed: 'an IP address or a DNS name that nginx can look up when it starts',
      samples: ['192.0.2.7', 'syslog.example.com'],
    }),
    default: null,
    description: 'The collector that takes them, over UDP.',
  }),
  'syslog-port': integer(514, 1, 65_535, 'Its port.'),
} satisfies OptionTable;

/** What a log may be written to: nginx opens it, and a file elsewhere could be one that somebody trusts. */
const isLogPath = whole('/dev/std(?:out|err)|/var/log(?:/[A-Za-z0-9_@+~-][A-Za-z0-9._@+~-]{0,100}){1,10}');

const isHostName = whole('[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?');

function logPath(description: string): ReturnType<typeof option<Token<'file'> | null>> {
  return option<Token<'file'> | null>({
    ...described(parseLogPath, {
      name: 'path',
      allowed: '/dev/stdout, /dev/stderr, or a path below /var/log/',
      samples: ['/dev/stdout', '/var/log/nginx/access.log'],
    }),
    default: null,
    description,
  });
}

function parseLogPath(text: string): Parsed<Token<'file'>> {
  return isLogPath(text.trim())
    ? { value: file(text.trim()) }
    : { error: `${shown(text)} is not allowed: write /dev/stdout, /dev/stderr, or a path below /var/log/` };
}

function parseSyslogHost(text: string): Parsed<Token<'text'>> {
  const host = text.trim();
  if (isIP(host) === 6) {
    return { value: token('text', `[${host}]`) };
  }
  return isHostName(host)
    ? { value: token('text', host) }
    : { error: `${shown(text)} is not a host: write an IP address or a DNS name` };
}

function parseParameters(text: string): Parsed<readonly Token<'text'>[]> {
  const found: Token<'text'>[] = [];
  for (const word of text.trim().split(/\s+/u)) {
    const [name = '', value] = word.split('=');
    const sound =
      (name === 'gzip' && (value === undefined || /^[1-9]$/u.test(value))) ||
      (name === 'buffer' && value !== undefined && !refused(parseSize(value))) ||
      (name === 'flush' && value !== undefined && !refused(parseTime(value)));
    if (!sound) {
      return { error: `${shown(word)} is not allowed: write buffer=SIZE, flush=TIME, gzip or gzip=LEVEL` };
    }
    found.push(token('text', word));
  }
  return { value: found };
}
