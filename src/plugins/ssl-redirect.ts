import { parseBoolean } from '../model/quantity.ts';
import { schemeOutsideRegex } from '../model/regex.ts';
import { token } from '../model/token.ts';
import { annotation, definePlugin } from './plugin.ts';

/** ingress-nginx's `no-tls-redirect-locations`: certificate authorities ask for their challenge over plain HTTP. */
const neverRedirected = [token('path', '/.well-known/acme-challenge')];

/** ingress-nginx's `http-redirect-code`: method and body are kept. */
const redirectStatus = 308;

/** Sends plain HTTP to HTTPS. One slash at the end of the request's URI is dropped, as ingress-nginx does. */
export const sslRedirect = definePlugin({
  name: 'ssl-redirect',
  order: 100,
  annotations: {
    'ssl-redirect': annotation({
      parse: parseBoolean,
      default: true,
      description: 'Redirects plain HTTP to HTTPS on hosts that have a certificate.',
    }),
    'force-ssl-redirect': annotation({
      parse: parseBoolean,
      default: false,
      risk: 'Medium',
      description: 'Redirects plain HTTP to HTTPS even without a certificate.',
    }),
    'preserve-trailing-slash': annotation({
      parse: parseBoolean,
      default: false,
      risk: 'Medium',
      description: 'Keeps the slash at the end of the URI in the redirect to HTTPS.',
    }),
    'use-port-in-redirects': annotation({
      parse: parseBoolean,
      default: false,
      description: 'Names the port in redirects.',
    }),
  },
  route({ settings, tls, catchAll, httpsPort }) {
    const asked = settings['force-ssl-redirect'] || (settings['ssl-redirect'] && tls);
    const redirects = asked && !catchAll;
    const namesPort = settings['use-port-in-redirects'];
    if (!redirects && !namesPort) {
      return {};
    }
    return {
      location: {
        redirects,
        status: redirectStatus,
        port: namesPort ? httpsPort : null,
        keepsSlash: settings['preserve-trailing-slash'],
      },
    };
  },
  http(used) {
    const redirects = used.some((settings) => settings['redirects'] === true);
    return redirects ? { plainHttp: schemeOutsideRegex('http', neverRedirected) } : null;
  },
});
