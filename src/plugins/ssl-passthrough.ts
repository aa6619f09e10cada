import { flag } from '../model/grammar.ts';
import { annotation, definePlugin } from './plugin.ts';

/**
 * Passes TLS on to the backend as it is, by the name that the client asks for. Which hosts can have it is decided where
 * the ports are (src/translate/stream-passthrough.ts): it is not a matter of requests.
 */
export const sslPassthrough = definePlugin({
  name: 'ssl-passthrough',
  order: 60,
  annotations: {
    'ssl-passthrough': annotation({
      ...flag,
      default: false,
      onInvalid: 'reject',
      scope: 'ingress',
      description:
        'Passes TLS of the hosts on to the backend of the path / as it is. Needs kubernetes.enable_ssl_passthrough.',
    }),
  },
});
