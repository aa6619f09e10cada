import { cookieDomain, cookiePath, redirectWord, type Change } from '../model/answer-change.ts';
import { flag } from '../model/grammar.ts';
import type { Token } from '../model/token.ts';
import { keyword } from '../model/words.ts';
import { option, type OptionTable } from './option.ts';
import {
  headers,
  integer,
  namespacedName,
  secondsOption,
  size,
  sizeOption,
  someOf,
  wordOption,
  type NamedObject,
} from './parsers.ts';

/** When nginx may ask another endpoint; the words of `proxy_next_upstream`. */
export const nextUpstreamWords: readonly string[] = [
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
  'off',
];

/** How requests are passed on. Annotations of the same name change it for one Ingress. */
export const proxying = {
  'proxy-connect-timeout': secondsOption(5, 'How long connecting to a backend may take.'),
  'proxy-send-timeout': secondsOption(60, 'How long a backend may pause while it takes a request.'),
  'proxy-read-timeout': secondsOption(60, 'How long a backend may pause while it answers.'),
  'proxy-body-size': sizeOption('1m', 'The largest body of a request; 0 for no limit.'),
  'proxy-buffering': wordOption('off', ['on', 'off'], 'Whether answers of backends are read ahead.'),
  'proxy-request-buffering': wordOption(
    'on',
    ['on', 'off'],
    'Whether a request is read whole before it is passed on.',
  ),
  'proxy-buffer-size': sizeOption('4k', 'The buffer for the header of an answer.'),
  'proxy-buffers-number': integer(4, 2, 65_535, 'Buffers for one answer.'),
  'proxy-busy-buffers-size': option<Token<'size'> | null>({
    ...size,
    default: null,
    description:
      "How much of an answer may be on its way to the client while more is read. Default: nginx's own.",
  }),
  'proxy-max-temp-file-size': sizeOption('1024m', 'How much of one answer may be written to disk.'),
  'proxy-http-version': wordOption('1.1', ['1.0', '1.1'], 'The HTTP version spoken to backends.'),
  'proxy-next-upstream': option<readonly Token<'keyword'>[]>({
    ...someOf(nextUpstreamWords),
    default: [keyword('error'), keyword('timeout')],
    description: 'When another endpoint is asked.',
  }),
  'proxy-next-upstream-timeout': secondsOption(0, 'How long other endpoints are asked; 0 for no limit.'),
  'proxy-next-upstream-tries': integer(3, 0, 1000, 'How many endpoints are asked; 0 for no limit.'),
  'retry-non-idempotent': option({
    ...flag,
    default: false,
    description: 'Whether POST, LOCK and PATCH may be sent to another endpoint too.',
  }),
  'grpc-buffer-size-kb': integer(0, 0, 1024 * 1024, "The buffer for gRPC answers in KB; 0 for nginx's own."),
  'proxy-cookie-domain': option<Change>({
    ...cookieDomain,
    default: 'off',
    description: "What becomes of the domain of backends' cookies: off, or theirs and the one to show.",
  }),
  'proxy-cookie-path': option<Change>({
    ...cookiePath,
    default: 'off',
    description: "What becomes of the path of backends' cookies: off, or theirs and the one to show.",
  }),
  'proxy-redirect-from': option<Token<'text'> | null>({
    ...redirectWord,
    default: null,
    description: 'How redirects of backends begin that are to be replaced; off and default replace none.',
  }),
  'proxy-redirect-to': option<Token<'text'> | null>({
    ...redirectWord,
    default: null,
    description: 'What stands for that beginning.',
  }),
  'hide-headers': option<readonly Token<'header-name'>[]>({
    ...headers,
    default: [],
    description: "Headers of backends' answers that clients do not get, separated by commas.",
  }),
  'global-allowed-response-headers': option<readonly Token<'header-name'>[]>({
    ...headers,
    default: [],
    description: 'Headers that Ingresses may add to answers (custom-headers), separated by commas.',
  }),
  'allow-backend-server-header': option({
    ...flag,
    default: false,
    description: "Whether clients get the backends' header `Server`.",
  }),
  'proxy-set-headers': option<NamedObject | null>({
    ...namespacedName,
    default: null,
    description: 'A ConfigMap (`namespace/name`) with headers for all backends.',
  }),
  'add-headers': option<NamedObject | null>({
    ...namespacedName,
    default: null,
    description: 'A ConfigMap (`namespace/name`) with headers for all answers.',
  }),
  'proxy-add-original-uri-header': option({
    ...flag,
    default: false,
    description: 'Whether backends get the header `X-Original-URI`.',
  }),
  'generate-request-id': option({
    ...flag,
    default: true,
    description: 'Whether requests without the header `X-Request-ID` get one.',
  }),
  'load-balance': wordOption(
    'round_robin',
    ['round_robin', 'least_conn', 'ip_hash', 'random', 'ewma'],
    'How endpoints are chosen where an Ingress does not say.',
  ),
  'service-upstream': option({
    ...flag,
    default: false,
    description: "Whether requests go to the Service's cluster address instead of its endpoints.",
  }),
} satisfies OptionTable;
