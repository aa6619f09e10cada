import { described, flag } from '../model/grammar.ts';
import { logVariables } from '../model/location-variables.ts';
import { foreignVariables, parseNginxText } from '../model/nginx-text.ts';
import { token, type Token } from '../model/token.ts';
import { option, type OptionTable } from './option.ts';
import { wordOption } from './parsers.ts';
import { patterns, type Pattern } from './patterns.ts';

/** The log of requests, and nginx's error log. */
export const logging = {
  'log-format-upstream': option<Token<'expression'>>({
    ...described((text) => parseNginxText(text, { known: logVariables }), {
      name: 'text',
      allowed: 'text with variables of nginx, in one line',
      samples: ['$remote_addr $status'],
    }),
    default: token(
      'expression',
      '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_host] [] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id',
    ),
    remark: (text) => {
      const names = foreignVariables(text, logVariables);
      return names.length === 0
        ? null
        : `prints nothing for $${names.join(', $')}: only ingress-nginx has such variables`;
    },
    description:
      'The line that is written for each request, with variables of nginx and $namespace, $ingress_name, $service_name, $service_port, $location_path, $proxy_upstream_name and $proxy_alternative_upstream_name.',
  }),
  'log-format-escape-json': option({
    ...flag,
    default: false,
    description: 'Whether values in that line are escaped for JSON.',
  }),
  'log-format-escape-none': option({
    ...flag,
    default: false,
    description: 'Whether values in that line are not escaped at all: clients can then forge lines.',
  }),
  'disable-access-log': option({
    ...flag,
    default: false,
    description: 'Whether no requests are logged.',
  }),
  'disable-http-access-log': option({
    ...flag,
    default: false,
    description: 'The same, for HTTP alone.',
  }),
  'enable-auth-access-log': option({
    ...flag,
    default: false,
    description: 'Whether the questions to authentication services are logged.',
  }),
  'enable-access-log-for-default-backend': option({
    ...flag,
    default: true,
    description: 'Whether requests that no route takes are logged.',
  }),
  'skip-access-log-urls': option<readonly Pattern[]>({
    ...patterns,
    default: [],
    description:
      'Requests that are not logged: whole URIs, or `~` and a regular expression; separated by commas.',
  }),
  'error-log-level': wordOption(
    'notice',
    ['debug', 'info', 'notice', 'warn', 'error', 'crit', 'alert', 'emerg'],
    "The least level of nginx's error log. Above `notice` the gateway cannot tell why a reload failed, so `notice` is used there.",
  ),
} satisfies OptionTable;
