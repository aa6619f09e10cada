import { described, wordsType } from '../model/grammar.ts';
import { headerName } from '../model/header.ts';
import { lowerCase, shown, type Parsed } from '../model/token.ts';
import { expression, keyword } from '../model/words.ts';
import { annotation, definePlugin } from './plugin.ts';

type Protocol = 'HTTP' | 'HTTPS' | 'GRPC' | 'GRPCS' | 'AUTO_HTTP' | 'FCGI';

const protocols: readonly Protocol[] = ['HTTP', 'HTTPS', 'GRPC', 'GRPCS', 'AUTO_HTTP', 'FCGI'];

/** Chooses how backends are spoken to: plain, over TLS, as gRPC, or as FastCGI. */
export const backendProtocol = definePlugin({
  name: 'backend-protocol',
  order: 200,
  annotations: {
    'backend-protocol': annotation<Protocol>({
      ...described(parseProtocol, wordsType(protocols, true)),
      default: 'HTTP',
      description:
        'The protocol of the backends: HTTP, HTTPS, AUTO_HTTP (that of the client), GRPC, GRPCS or FCGI, in any letter case.',
    }),
  },
  routes({ settings, field, capabilities }) {
    const wanted = settings['backend-protocol'];
    if (wanted === 'HTTP') {
      return {};
    }
    const name = field('backend-protocol') ?? '';
    const isGrpc = wanted === 'GRPC' || wanted === 'GRPCS';
    const isTls = wanted === 'HTTPS' || wanted === 'GRPCS';
    if (wanted === 'AUTO_HTTP' && capabilities.ssl) {
      return {
        location: { auto: true },
        backend: { protocol: expression`$scheme`, grpc: false, fastcgi: false },
        requestHeaders: [{ name: headerName('Connection'), value: expression`$connection_once` }],
        connections: 'auto',
      };
    }
    if ((isGrpc && !capabilities.grpc) || (isTls && !capabilities.ssl)) {
      const message = `${wanted} needs an nginx built with the modules for it (gRPC, SSL): the routes answer 503`;
      return { unavailable: [{ field: name, message }] };
    }
    const scheme = wanted === 'AUTO_HTTP' ? 'http' : wanted.toLowerCase();
    return { backend: { protocol: keyword(scheme), grpc: isGrpc, fastcgi: wanted === 'FCGI' } };
  },
  http(used) {
    return used.length === 0 ? null : { auto: true };
  },
});

function parseProtocol(text: string): Parsed<Protocol> {
  const name = lowerCase(text.trim());
  const found = protocols.find((protocol) => lowerCase(protocol) === name);
  return found === undefined
    ? { error: `${shown(text)} is not allowed: write one of ${protocols.join(', ')}` }
    : { value: found };
}
