import { headerName } from '../model/header.ts';
import type { RequestHeader } from '../model/model.ts';
import { parseObjectKey } from '../model/object-ref.ts';
import { shown, token, whole, type Token } from '../model/token.ts';
import { expression } from '../model/words.ts';
import { annotation, definePlugin } from './plugin.ts';

const isServiceName = whole('[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?');

/** A Service that answers while the one of the rule has no endpoint. It is told why it was asked. */
export const defaultBackend = definePlugin({
  name: 'default-backend',
  order: 280,
  annotations: {
    'default-backend': annotation<string | null>({
      parse: (text) =>
        isServiceName(text.trim())
          ? { value: text.trim() }
          : { error: `${shown(text)} is no name of a Service: write one of the Ingress's own namespace` },
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
