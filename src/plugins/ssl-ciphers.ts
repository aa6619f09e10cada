import { flag, tokenOf } from '../model/grammar.ts';
import type { Token } from '../model/token.ts';
import { annotation, definePlugin } from './plugin.ts';
import { firstAsking } from './first-asking.ts';

/** Ciphers of one host, up to TLS 1.2; the oldest Ingress that asks for some decides, as in ingress-nginx. */
export const sslCiphers = definePlugin({
  name: 'ssl-ciphers',
  order: 435,
  annotations: {
    'ssl-ciphers': annotation<Token<'text'> | null>({
      ...tokenOf({
        name: 'ciphers',
        pattern: '[A-Za-z0-9!:+_-]+(?::?@STRENGTH|:?@SECLEVEL=[0-5])*',
        fault: 'is not a list of ciphers',
        allowed: "names of OpenSSL's, separated by colons",
        longest: 2000,
        samples: ['ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256', 'HIGH:!aNULL:@STRENGTH'],
      }),
      default: null,
      scope: 'server',
      onInvalid: 'reject',
      description: "Ciphers of the hosts up to TLS 1.2, in OpenSSL's form.",
    }),
    'ssl-prefer-server-ciphers': annotation<boolean | null>({
      ...flag,
      default: null,
      scope: 'server',
      description: "Whether the order of the gateway's ciphers holds, and not that of the client's.",
    }),
  },
  server({ members, capabilities }) {
    const ciphers = firstAsking(members, 'ssl-ciphers', ({ settings }) => settings['ssl-ciphers']);
    const prefers = firstAsking(
      members,
      'ssl-prefer-server-ciphers',
      ({ settings }) => settings['ssl-prefer-server-ciphers'],
    );
    const differences = [...ciphers.differences, ...prefers.differences];
    if (!capabilities.ssl || (ciphers.first === null && prefers.first === null)) {
      return { differences };
    }
    return {
      ownTls: true,
      server: {
        ciphers:
          ciphers.first === null ? null : { list: ciphers.first.value, origin: ciphers.first.member.object },
        prefers:
          prefers.first === null
            ? null
            : { server: prefers.first.value, origin: prefers.first.member.object },
      },
      differences,
    };
  },
});
