import { onOff, tokenOf } from '../model/grammar.ts';
import { headerName } from '../model/header.ts';
import { mirrorUrl, type MirrorUrl } from '../model/mirror-url.ts';
import type { RequestHeader } from '../model/model.ts';
import { requestTextExpression } from '../model/request-text.ts';
import { refused, token, type Token } from '../model/token.ts';
import { expression, identifier, keyword } from '../model/words.ts';
import { authorityOf } from './authority.ts';
import { internalLocation } from './additions.ts';
import { annotation, definePlugin } from './plugin.ts';

/**
 * Sends a copy of each request to another place and drops what it answers. Copies are made of requests that the
 * protections of the route have let through.
 */
export const mirror = definePlugin({
  name: 'mirror',
  order: 420,
  annotations: {
    'mirror-target': annotation<MirrorUrl | null>({
      ...mirrorUrl,
      default: null,
      risk: 'High',
      scope: 'ingress',
      description: 'Where a copy of each request goes; its answer is dropped.',
    }),
    'mirror-request-body': annotation({
      ...onOff,
      default: true,
      scope: 'ingress',
      description: 'Whether copies have the body of the request.',
    }),
    'mirror-host': annotation<Token<'text'> | null>({
      ...tokenOf({
        name: 'host',
        pattern: '[A-Za-z0-9._:-]{1,253}',
        fault: 'is not a host',
        allowed: 'letters, digits and . _ : -',
        samples: ['test.example.com'],
      }),
      default: null,
      risk: 'High',
      scope: 'ingress',
      description: 'The Host header of copies; that of mirror-target where it is absent.',
    }),
  },
  routes(context) {
    const { settings, given, field } = context;
    const url = settings['mirror-target'];
    if (url === null) {
      const differences = given
        .filter((name) => name !== 'mirror-target')
        .map((name) => ({ field: field(name) ?? '', message: 'has no effect without mirror-target' }));
      return differences.length === 0 ? {} : { differences };
    }
    const target = context.target(url.host, url.port, url.tls);
    if (refused(target)) {
      const message = `${target.error}; until then there are no copies`;
      return { differences: [{ field: field('mirror-target') ?? '', message }] };
    }
    const withBody = settings['mirror-request-body'];
    const copy = internalLocation(
      'mirror',
      {
        url: urlOf(url, authorityOf(target.value, identifier('mirror_host'))),
        external: target.value.external?.name ?? null,
        tlsName: url.tls ? token('host', url.host) : null,
        withBody,
      },
      {
        requestHeaders: headersOf(settings['mirror-host'] ?? token('text', url.host), withBody),
        upstream: target.value.upstream,
      },
    );
    return { onlyProxied: true, location: { path: copy.path, withBody }, internals: [copy] };
  },
  http(_used, { internals }) {
    return internals.length === 0 ? null : {};
  },
});

/** A variable right after the host could make another host of it: the `/` is ours. */
function urlOf({ tls, rest, isCopied }: MirrorUrl, authority: Token): Token<'expression'> {
  const scheme = keyword(tls ? 'https' : 'http');
  const end = requestTextExpression(rest);
  return isCopied
    ? expression`${scheme}://${authority}/$mirror_uri${end}`
    : expression`${scheme}://${authority}/${end}`;
}

/** A copy is no websocket, whatever it is a copy of. */
function headersOf(host: Token<'text'>, withBody: boolean): RequestHeader[] {
  const own: readonly (readonly [string, Token])[] = [
    ['Host', host],
    ['Upgrade', expression``],
    ['Connection', expression``],
    ...(withBody ? [] : [['Content-Length', expression``] as const]),
  ];
  return own.map(([name, value]) => ({ name: headerName(name), value }));
}
