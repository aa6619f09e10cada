import { described, wordsType } from '../model/grammar.ts';
import { shown, type Parsed } from '../model/token.ts';
import { keyword } from '../model/words.ts';
import { annotation, definePlugin } from './plugin.ts';

type Protocol = 'HTTP' | 'HTTPS' | 'GRPC' | 'GRPCS' | 'AUTO_HTTP' | 'FCGI';

const protocols: readonly Protocol[] = ['HTTP', 'HTTPS', 'GRPC', 'GRPCS', 'AUTO_HTTP', 'FCGI'];

/** Chooses how backends are spoken to: plain, over TLS, or as gRPC. */
export const backendProtocol = definePlugin({
  name: 'backend-protocol',
  order: 200,
  annotations: {
    'backend-protocol': annotation<Protocol>({
      ...described(parseProtocol, wordsType(protocols, true)),
      default: 'HTTP',
      description: 'The protocol of the backends: HTTP, HTTPS, GRPC or GRPCS, in any letter case.',
    }),
  },
  routes({ settings, field, capabilities }) {
    const wanted = settings['backend-protocol'];
    const name = field('backend-protocol') ?? '';
    const isGrpc = wanted === 'GRPC' || wanted === 'GRPCS';
    const isTls = wanted === 'HTTPS' || wanted === 'GRPCS';
    if (wanted === 'FCGI') {
      const message = 'FCGI is not supported yet: the routes answer 503; use a backend that speaks HTTP';
      return { unavailable: [{ field: name, message }] };
    }
    if (wanted === 'AUTO_HTTP') {
      const message = 'AUTO_HTTP is not supported yet: HTTP is used; write HTTP or HTTPS';
      return { differences: [{ field: name, message }] };
    }
    if ((isGrpc && !capabilities.grpc) || (isTls && !capabilities.ssl)) {
      const message = `${wanted} needs an nginx built with the modules for it (gRPC, SSL): the routes answer 503`;
      return { unavailable: [{ field: name, message }] };
    }
    return { backend: { protocol: keyword(wanted.toLowerCase()), grpc: isGrpc } };
  },
});

function parseProtocol(text: string): Parsed<Protocol> {
  const name = text.trim().toUpperCase();
  const found = protocols.find((protocol) => protocol === name);
  return found === undefined
    ? { error: `${shown(text)} is not allowed: write one of ${protocols.join(', ')}` }
    : { value: found };
}
