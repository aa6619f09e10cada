import { described } from '../model/grammar.ts';
import type { Capabilities } from '../model/capabilities.ts';
import { parseObjectKey } from '../model/object-ref.ts';
import type { Snippet } from '../model/snippet.ts';
import { refused, type Parsed, type Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { expression, identifier, parseText } from '../model/words.ts';
import {
  parseSnippet,
  protectionOf,
  protects,
  readSnippet,
  variablesIn,
  type SnippetText,
} from '../nginx/snippet.ts';
import type { SnippetContext } from '../nginx/lint-snippets.ts';
import type { Options } from '../options/options.ts';
import { annotation, definePlugin, type AnnotationSpec, type Scope, type Settings } from './plugin.ts';
import type { MemberContext, RouteContext, ServerContext } from './context.ts';
import type { ServerAdditions, Told } from './additions.ts';

const table = {
  'configuration-snippet': row('location', 'Directives for the locations of the Ingress.'),
  'server-snippet': row(
    'server',
    'Directives for the server of each host, of the oldest Ingress that has some.',
  ),
  'auth-snippet': row('location', 'Directives for the location in which auth-url is asked.'),
  'stream-snippet': row('ingress', 'Directives for stream: servers on TCP and UDP ports of their own.'),
};

type SnippetName = keyof typeof table;

const contexts: Readonly<Record<SnippetName, SnippetContext>> = {
  'configuration-snippet': 'location',
  'server-snippet': 'server',
  'auth-snippet': 'auth',
  'stream-snippet': 'stream',
};

/**
 * Directives that Ingresses bring, where the operator allows it (allow-snippet-annotations beside a risk level of
 * Critical). They are whole directives of the block they are for, of a list of harmless ones, and never the text itself.
 */
export const snippets = definePlugin({
  name: 'snippets',
  // After what keeps requests out, and before rewrite, after which nothing of the rewrite phase may follow.
  order: 850,
  annotations: table,
  ingress({ object, settings, given, options, field, capabilities, ownPorts }) {
    const reject: Reason[] = [];
    const deny: Reason[] = [];
    const differences: Reason[] = [];
    for (const name of given) {
      const text = settings[name];
      const about = field(name) ?? '';
      if (text === null) {
        continue;
      }
      if (!options['allow-snippet-annotations']) {
        const off = 'snippets are switched off (option allow-snippet-annotations)';
        if (protects(text)) {
          const message = `${off}, and this one may keep somebody out: the routes answer 503; remove it, or have them switched on`;
          deny.push({ field: about, message });
        } else {
          differences.push({ field: about, message: `has no effect: ${off}` });
        }
        continue;
      }
      const read = readOf(name, text, options);
      if (refused(read)) {
        reject.push({ field: about, message: read.error });
      } else {
        differences.push(...read.value.remarks.map((message) => ({ field: about, message })));
      }
    }
    const streams = settings['stream-snippet'];
    const read = streams === null ? null : usable('stream-snippet', streams, options);
    if (streams === null || read === null) {
      return { reject, deny, differences };
    }
    const fault = faultOfStreams(streams, capabilities, ownPorts);
    if (fault !== null) {
      reject.push({ field: field('stream-snippet') ?? '', message: fault });
    }
    return { reject, deny, differences, stream: { origin: object, lines: read.lines } };
  },
  route(route) {
    const { settings, options, field } = route;
    const auth = settings['auth-snippet'];
    const asks = route.settingsOf('external-auth')['auth-url'] !== null;
    const differences =
      auth !== null && !asks
        ? [{ field: field('auth-snippet') ?? '', message: 'has no effect without auth-url: remove it' }]
        : [];
    const text = settings['configuration-snippet'];
    const read = text === null ? null : usable('configuration-snippet', text, options);
    if (text === null || read === null) {
      return { differences };
    }
    return {
      location: { variables: foreignVariables(text, options, route), lines: read.lines },
      requestHeaders: read.requestHeaders,
      responseHeaders: read.responseHeaders,
      differences,
    };
  },
  server(server) {
    const name = 'server-snippet';
    const [first, ...others] = server.members.filter(({ settings }) => settings[name] !== null);
    const text = first?.settings[name] ?? null;
    if (first === undefined || text === null || !server.options['allow-snippet-annotations']) {
      return {};
    }
    const differences = others.map((other): Told => {
      const message = `has no effect on ${server.host?.text ?? 'requests of other hosts'}: that of ${first.object} holds, which is older`;
      return { object: other.object, reasons: [{ field: other.field(name) ?? '', message }] };
    });
    return { ...serverEnd(first, text, server), differences };
  },
  proves: (_slot, { lines }) =>
    (lines as Snippet['lines']).flatMap(({ text }) => /^\s*(\w+)(?!\s+off\s*;)\b/u.exec(text)?.[1] ?? []),
});

/** What keeps a snippet for stream from being used. */
function faultOfStreams(
  { directives }: SnippetText,
  { stream }: Capabilities,
  ownPorts: readonly number[],
): string | null {
  if (stream === 'absent') {
    return 'needs an nginx with the module stream: the routes answer 503; remove it';
  }
  for (const { block } of directives) {
    for (const { name, args, line } of block ?? []) {
      const taken =
        name.text === 'listen' ? ownPorts.find((port) => listensOn(args[0]?.text ?? '', port)) : null;
      if (taken !== undefined && taken !== null) {
        return `line ${line}: "listen" has port ${taken}, on which the gateway itself listens: choose another`;
      }
    }
  }
  return null;
}

/** Whether the address of a `listen` has a port, be it in a range. */
function listensOn(address: string, port: number): boolean {
  const [, first, last] = /(?:^|:)(\d{1,5})(?:-(\d{1,5}))?$/u.exec(address) ?? [];
  return first !== undefined && Number(first) <= port && port <= Number(last ?? first);
}

/** The directives for the location in which an authentication service is asked; null where there are none. */
export function authSnippet(settings: Settings, options: Options): Snippet | null {
  const text = settings['auth-snippet'] as SnippetText | null | undefined;
  return text === null || text === undefined ? null : usable('auth-snippet', text, options);
}

function serverEnd(
  first: MemberContext<typeof table>,
  text: SnippetText,
  server: ServerContext<typeof table>,
): ServerAdditions {
  const read = first.quarantined ? null : usable('server-snippet', text, server.options);
  if (read === null) {
    const message = 'cannot be used and may keep somebody out: all of the host answers 503';
    const reason = { field: first.field('server-snippet') ?? '', message };
    return protects(text) ? { close: [{ object: first.object, reasons: [reason] }] } : {};
  }
  return {
    end: {
      origin: first.object,
      variables: foreignVariables(text, server.options, null),
      lines: read.lines,
    },
    responseHeaders: read.responseHeaders,
  };
}

function row(scope: Scope, description: string): AnnotationSpec<SnippetText | null> {
  return annotation<SnippetText | null>({
    ...described(parseSnippet, {
      name: 'directives',
      allowed: 'whole directives of nginx, of which only harmless ones are taken',
      samples: ['proxy_read_timeout 5s;'],
    }),
    default: null,
    risk: 'Critical',
    scope,
    onInvalid: 'reject',
    protective: true,
    protection: protectionOf,
    description,
  });
}

interface Known {
  readonly options: Options;
  readonly read: Parsed<Snippet>;
}

/** Each is asked for several times in a build. */
const known = new WeakMap<SnippetText, Known>();

function readOf(name: SnippetName, text: SnippetText, options: Options): Parsed<Snippet> {
  const found = known.get(text);
  if (found?.options === options) {
    return found.read;
  }
  const read = readSnippet(text, {
    context: contexts[name],
    level: 'snippet',
    alsoAllowed: [...moreOf(name), ...options['allowed-snippet-directives']],
    // A location of the snippet's own answers by itself or by a file of nobody's: it opens no route.
    alsoInLocations: name === 'server-snippet' ? ['allow'] : [],
    nestedHeaders: options.hsts
      ? ['add_header Strict-Transport-Security $strict_transport_security always;']
      : [],
  });
  known.set(text, { options, read });
  return read;
}

/**
 * Directives that only tighten what the templates print before them in the same block: of lists of addresses the first
 * line that fits holds.
 */
function moreOf(name: SnippetName): readonly string[] {
  return name === 'configuration-snippet'
    ? [
        'allow',
        'deny',
        'auth_request_set',
        'internal',
        'fastcgi_param',
        'proxy_ssl_name',
        'proxy_ssl_server_name',
      ]
    : ['deny'];
}

/** What of a snippet is printed: nothing where snippets are switched off. */
function usable(name: SnippetName, text: SnippetText, options: Options): Snippet | null {
  const read = options['allow-snippet-annotations'] ? readOf(name, text, options) : null;
  return read === null || refused(read) ? null : read.value;
}

interface Variable {
  readonly name: Token<'identifier'>;
  readonly value: Token;
}

/** Variables that only ingress-nginx has: set where a snippet names one. */
function foreignVariables(
  text: SnippetText,
  options: Options,
  route: RouteContext<typeof table> | null,
): Variable[] {
  const { namespace, name } = parseObjectKey(route?.object ?? '') ?? { namespace: '', name: '' };
  const service = route?.backend?.service ?? '';
  const port = route?.backend?.port ?? '';
  const values: readonly (readonly [string, Token])[] = [
    ['namespace', plain(namespace)],
    ['ingress_name', plain(name)],
    ['service_name', plain(service)],
    ['service_port', plain(port)],
    ['location_path', route?.path ?? plain('')],
    ['proxy_upstream_name', plain(service === '' ? '' : `${namespace}-${service}-${port}`)],
    ['proxy_alternative_upstream_name', plain('')],
    ['balancer_ewma_score', plain('')],
    ['the_real_ip', expression`$remote_addr`],
    ['pass_server_port', expression`$server_port`],
    // A map sets it where forwarded headers are trusted.
    ...(options['use-forwarded-headers'] ? [] : [['pass_access_scheme', expression`$scheme`] as const]),
  ];
  const used = variablesIn(text);
  return values.flatMap(([each, value]) => (used.has(each) ? [{ name: identifier(each), value }] : []));
}

function plain(text: string): Token {
  const parsed = parseText(text);
  return refused(parsed) ? expression`` : parsed.value;
}
