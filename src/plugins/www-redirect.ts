import { flag } from '../model/grammar.ts';
import { parseHost } from '../model/host.ts';
import { refused } from '../model/token.ts';
import type { Told } from './additions.ts';
import { annotation, definePlugin } from './plugin.ts';

/** Redirects `www.` and a host to the host, or a host without `www.` to that with it. */
export const wwwRedirect = definePlugin({
  name: 'www-redirect',
  order: 60,
  annotations: {
    'from-to-www-redirect': annotation({
      ...flag,
      default: false,
      scope: 'server',
      onInvalid: 'reject',
      inLastGood: 'common',
      description: 'Redirects www. and the host to the host, or the host without www. where the rule has it.',
    }),
  },
  server({ host, tls, covers, isHost, members, options }) {
    const asking = members.find(({ closed, settings }) => !closed && settings['from-to-www-redirect']);
    if (asking === undefined) {
      return {};
    }
    const field = asking.field('from-to-www-redirect') ?? '';
    function told(message: string): Told[] {
      return [{ object: asking?.object ?? '', reasons: [{ field, message }] }];
    }
    if (host === null || host.token === 'wildcard-host') {
      const message = `has no effect on ${host?.text ?? 'rules without a host'}: only a host without "*" has a counterpart`;
      return { differences: told(message) };
    }
    const text = host.text.startsWith('www.') ? host.text.slice('www.'.length) : `www.${host.text}`;
    const name = parseHost(text);
    if (refused(name) || name.value.token !== 'host') {
      return { differences: told(`has no effect: ${text} is no host`) };
    }
    if (isHost(text)) {
      return { differences: told(`does not redirect ${text}: an Ingress has a rule for it`) };
    }
    const message = `${text} is redirected over HTTP only: the certificate is not valid for it`;
    const settings = { host, status: options['http-redirect-code'] };
    return {
      companions: [{ name: name.value, object: asking.object, field, settings }],
      differences: tls && !covers(text) ? told(message) : [],
    };
  },
  http: () => ({}),
});
