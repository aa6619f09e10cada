import { textOf } from '../model/grammar.ts';
import { parseRequestText, requestTextExpression } from '../model/request-text.ts';
import { refused, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { seconds } from '../model/quantity.ts';
import { expression } from '../model/words.ts';
import type { FoundConfigMap, IngressContext } from './context.ts';
import { annotation, definePlugin } from './plugin.ts';

const table = {
  'fastcgi-index': annotation<string | null>({
    ...textOf({
      name: 'file name',
      pattern: '[A-Za-z0-9._-]{1,255}',
      fault: 'is no name of a file',
      allowed: 'letters, digits and . - _',
      samples: ['index.php'],
    }),
    default: null,
    risk: 'Medium',
    onInvalid: 'reject',
    description: 'The file that stands for a path with a slash at its end (fastcgi_index).',
  }),
  'fastcgi-params-configmap': annotation<string | null>({
    ...textOf({
      name: 'ConfigMap',
      pattern: '[A-Za-z0-9._~/:-]+',
      fault: 'does not name a ConfigMap',
      allowed: 'a name, or namespace/name',
      samples: ['fastcgi-params', 'default/fastcgi-params'],
    }),
    default: null,
    risk: 'Medium',
    onInvalid: 'reject',
    description:
      'The ConfigMap whose entries are parameters for FastCGI backends, in the place of those of the same name.',
  }),
};

interface Parameter {
  readonly name: Token<'text'>;
  readonly value: Token;
}

/** What nginx's own fastcgi_params has. */
const usual: readonly (readonly [string, Token])[] = [
  ['QUERY_STRING', expression`$query_string`],
  ['REQUEST_METHOD', expression`$request_method`],
  ['CONTENT_TYPE', expression`$content_type`],
  ['CONTENT_LENGTH', expression`$content_length`],
  ['SCRIPT_NAME', expression`$fastcgi_script_name`],
  ['REQUEST_URI', expression`$request_uri`],
  ['DOCUMENT_URI', expression`$document_uri`],
  ['SERVER_PROTOCOL', expression`$server_protocol`],
  ['REQUEST_SCHEME', expression`$scheme`],
  ['HTTPS', expression`$https`],
  ['GATEWAY_INTERFACE', token('text', 'CGI/1.1')],
  ['SERVER_SOFTWARE', token('text', 'nginx')],
  ['REMOTE_ADDR', expression`$remote_addr`],
  ['REMOTE_PORT', expression`$remote_port`],
  ['REMOTE_USER', expression`$remote_user`],
  ['SERVER_ADDR', expression`$server_addr`],
  ['SERVER_PORT', expression`$pass_port`],
  ['SERVER_NAME', expression`$server_name`],
  // PHP built with --enable-force-cgi-redirect asks for it.
  ['REDIRECT_STATUS', token('text', '200')],
];

/** Variables beside those of a request that a parameter may have. */
const more: readonly string[] = [
  'document_root',
  'fastcgi_path_info',
  'fastcgi_script_name',
  'https',
  'nginx_version',
  'realpath_root',
  'request_filename',
  'server_addr',
];

/** Backends that speak FastCGI: the parameters that they are given (backend-protocol: FCGI). */
export const fastcgi = definePlugin({
  name: 'fastcgi',
  order: 220,
  annotations: table,
  route(route) {
    const isFastcgi = route.settingsOf('backend-protocol')['backend-protocol'] === 'FCGI';
    if (!isFastcgi) {
      return {
        differences: route.given.map((name) => ({
          field: route.field(name) ?? '',
          message: 'has no effect without backend-protocol: FCGI; set it, or remove this',
        })),
      };
    }
    const read = parametersOf(route);
    if (refused(read)) {
      const field = route.field('fastcgi-params-configmap') ?? '';
      return { unavailable: [{ field, message: `${read.error}; until then the routes answer 503` }] };
    }
    const index = route.settings['fastcgi-index'];
    const times = route.settingsOf('timeouts');
    return {
      onlyProxied: true,
      location: {
        index: index === null ? null : token('text', index),
        parameters: read.value,
        connect: inSeconds(times['proxy-connect-timeout']),
        send: inSeconds(times['proxy-send-timeout']),
        read: inSeconds(times['proxy-read-timeout']),
      },
    };
  },
});

function inSeconds(count: unknown): Token<'duration'> | null {
  return typeof count === 'number' ? seconds(count) : null;
}

function parametersOf(context: IngressContext<typeof table>): Parsed<Parameter[]> {
  const named = context.settings['fastcgi-params-configmap'];
  const own: Parsed<Map<string, Token>> =
    named === null ? { value: new Map() } : ownParameters(context.configMap(named));
  if (refused(own)) {
    return own;
  }
  const all = new Map<string, Token>([...usual, ...own.value]);
  return { value: [...all].map(([name, value]) => ({ name: token('text', name), value })) };
}

const isName = whole('[A-Za-z0-9._-]{1,128}');
const isValue = whole('[A-Za-z0-9._/-]*');

/** Sorted by name. */
function ownParameters(found: Parsed<FoundConfigMap>): Parsed<Map<string, Token>> {
  if (refused(found)) {
    return found;
  }
  const { key, data } = found.value;
  const parameters = new Map<string, Token>();
  for (const name of Object.keys(data).sort()) {
    const value = parseRequestText(data[name] ?? '', {
      literal: isValue,
      allowed: 'letters, digits, - _ / . and variables of a request',
      more,
    });
    if (!isName(name)) {
      return {
        error: `${key} ${shown(name)} is no name of a parameter: write letters, digits and . - _`,
      };
    }
    if (refused(value)) {
      return { error: `${key} ${shown(name)}: ${value.error}` };
    }
    parameters.set(name, requestTextExpression(value.value));
  }
  return { value: parameters };
}
