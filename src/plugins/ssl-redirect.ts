import { flag } from '../model/grammar.ts';
import { schemeOutsideRegex } from '../model/regex.ts';
import { annotation, definePlugin } from './plugin.ts';

/** Sends plain HTTP to HTTPS. One slash at the end of the request's URI is dropped, as ingress-nginx does. */
export const sslRedirect = definePlugin({
  name: 'ssl-redirect',
  order: 100,
  annotations: {
    'ssl-redirect': annotation({
      ...flag,
      default: true,
      option: 'ssl-redirect',
      inLastGood: 'same',
      description: 'Redirects plain HTTP to HTTPS on hosts that have a certificate.',
    }),
    'force-ssl-redirect': annotation({
      ...flag,
      default: false,
      option: 'force-ssl-redirect',
      inLastGood: 'same',
      risk: 'Medium',
      description: 'Redirects plain HTTP to HTTPS even without a certificate.',
    }),
    'preserve-trailing-slash': annotation({
      ...flag,
      default: false,
      option: 'preserve-trailing-slash',
      risk: 'Medium',
      description: 'Keeps the slash at the end of the URI in the redirect to HTTPS.',
    }),
    'use-port-in-redirects': annotation({
      ...flag,
      default: false,
      option: 'use-port-in-redirects',
      description: 'Names the port in redirects.',
    }),
  },
  route({ settings, options, tls, catchAll, httpsPort }) {
    const asked = settings['force-ssl-redirect'] || (settings['ssl-redirect'] && tls);
    const redirects = asked && !catchAll;
    const namesPort = settings['use-port-in-redirects'];
    if (!redirects && !namesPort) {
      return {};
    }
    return {
      location: {
        redirects,
        status: options['http-redirect-code'],
        port: namesPort ? httpsPort : null,
        keepsSlash: settings['preserve-trailing-slash'],
      },
    };
  },
  http(used, { options }) {
    const redirects = used.some((settings) => settings['redirects'] === true);
    return redirects
      ? {
          plainHttp: schemeOutsideRegex('http', options['no-tls-redirect-locations']),
          // Behind a proxy it is that one's scheme that counts.
          forwarded: options['use-forwarded-headers'],
        }
      : null;
  },
});
