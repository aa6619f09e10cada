import { headerName } from '../model/header.ts';
import { locationVariables } from '../model/location-variables.ts';
import { requestText, requestTextExpression, type RequestText } from '../model/request-text.ts';
import { annotation, definePlugin } from './plugin.ts';

/** Sends backends another Host header than the request's. */
export const upstreamVhost = definePlugin({
  name: 'upstream-vhost',
  order: 210,
  annotations: {
    'upstream-vhost': annotation<RequestText | null>({
      ...requestText({
        name: 'host',
        characters: 'A-Za-z0-9._:-',
        allowed: 'a host name with an optional port; variables of the request such as $host may stand in it',
        more: locationVariables,
        samples: ['backend.internal:8080', '$host', '$service_name.$namespace.svc.cluster.local'],
      }),
      default: null,
      onInvalid: 'reject',
      description: 'The Host header that backends see.',
    }),
  },
  routes({ settings }) {
    const vhost = settings['upstream-vhost'];
    return vhost === null
      ? {}
      : { requestHeaders: [{ name: headerName('Host'), value: requestTextExpression(vhost) }] };
  },
});
