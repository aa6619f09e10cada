import { textOf } from '../model/grammar.ts';
import { headerName } from '../model/header.ts';
import type { RequestHeader } from '../model/model.ts';
import { parseObjectKey } from '../model/object-ref.ts';
import { token, type Token } from '../model/token.ts';
import { expression } from '../model/words.ts';
import { annotation, definePlugin } from './plugin.ts';

/** A Service that answers while the one of the rule has no endpoint. It is told why it was asked. */
export const defaultBackend = definePlugin({
  name: 'default-backend',
  order: 280,
  annotations: {
    'default-backend': annotation<string | null>({
      ...textOf({
        name: 'Service',
        pattern: '[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?',
        fault: 'is no name of a Service',
        allowed: "one of the Ingress's own namespace",
        samples: ['sorry-page'],
      }),
      default: null,
      onInvalid: 'reject',
      description: 'The Service (its first port) that answers while that of the rule has no ready endpoint.',
    }),
  },
  route({ settings, field, object, catchAll }) {
    const service = settings['default-backend'];
    if (service === null || catchAll) {
      return {};
    }
    const { namespace, name } = parseObjectKey(object) ?? { namespace: '', name: '' };
    return {
      standIn: {
        service,
        field: field('default-backend') ?? '',
        requestHeaders: [
          header('X-Code', token('text', '503')),
          header('X-Format', expression`$http_accept`),
          header('X-Namespace', token('text', namespace)),
          header('X-Ingress-Name', token('text', name)),
        ],
      },
    };
  },
});

function header(name: string, value: Token): RequestHeader {
  return { name: headerName(name), value };
}
