import { described, flag } from '../model/grammar.ts';
import { parseNginxText } from '../model/nginx-text.ts';
import { token, type Token } from '../model/token.ts';
import { option, type OptionTable } from './option.ts';
import { durationOption, integer } from './parsers.ts';

/** TCP and UDP: services on ports of their own, and what snippets add. */
export const streams = {
  'proxy-stream-timeout': durationOption('600s', 'How long a TCP or UDP session may be silent.'),
  'proxy-stream-next-upstream': option({
    ...flag,
    default: true,
    description: 'Whether another endpoint is tried where one takes no TCP connection.',
  }),
  'proxy-stream-next-upstream-timeout': durationOption('600s', 'How long others are tried; 0 for no limit.'),
  'proxy-stream-next-upstream-tries': integer(3, 0, 1000, 'How many endpoints are tried; 0 for no limit.'),
  'proxy-protocol-header-timeout': durationOption(
    '5s',
    'How long the header of the PROXY protocol may take to arrive where TLS is passed through.',
  ),
  'proxy-stream-responses': integer(1, 0, 65_535, 'Datagrams that answer one of a UDP client.'),
  'disable-stream-access-log': option({
    ...flag,
    default: false,
    description: 'Whether no TCP and UDP sessions are logged.',
  }),
  'log-format-stream': option<Token<'expression'>>({
    ...described(parseNginxText, {
      name: 'log format',
      allowed: 'text with variables of nginx',
      samples: ['$remote_addr $protocol $status'],
    }),
    default: token(
      'expression',
      '[$remote_addr] [$time_local] $protocol $status $bytes_sent $bytes_received $session_time',
    ),
    description: 'The line that is written for each TCP or UDP session, with variables of nginx.',
  }),
} satisfies OptionTable;
