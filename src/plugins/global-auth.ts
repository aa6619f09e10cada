import type { Options } from '../options/options.ts';
import type { externalAuthTable } from './external-auth-table.ts';
import type { RouteContext } from './plugin.ts';

type Settings = RouteContext<typeof externalAuthTable>['settings'];

const known = new WeakMap<Options, Settings | null>();

/**
 * What the options `global-auth-*` say, in the form of the annotations of one Ingress; null where they ask for no check.
 */
export function globalAuthSettings(options: Options, own: Settings): Settings | null {
  let found = known.get(options);
  if (found === undefined) {
    found =
      options['global-auth-url'] === null
        ? null
        : {
            ...own,
            'auth-url': options['global-auth-url'],
            'auth-method': options['global-auth-method'],
            'auth-signin': options['global-auth-signin'],
            'auth-signin-redirect-param': options['global-auth-signin-redirect-param'],
            'auth-response-headers': options['global-auth-response-headers'],
            'auth-proxy-set-headers': null,
            'auth-request-redirect': options['global-auth-request-redirect'],
            'auth-always-set-cookie': options['global-auth-always-set-cookie'],
            'auth-cache-key': options['global-auth-cache-key'],
            'auth-cache-duration': options['global-auth-cache-duration'],
          };
    known.set(options, found);
  }
  return found;
}
