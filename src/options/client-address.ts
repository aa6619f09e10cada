import { described, flag } from '../model/grammar.ts';
import { token, type Token } from '../model/token.ts';
import { option, type OptionTable } from './option.ts';
import { cidrs, parseHeader } from './parsers.ts';

/** Where a client's address, scheme and host come from behind another proxy. */
export const clientAddress = {
  'use-forwarded-headers': option({
    ...flag,
    default: false,
    description:
      "Whether `X-Forwarded-*` of proxies in `proxy-real-ip-cidr` tell the client's address, scheme, host and port.",
  }),
  'compute-full-forwarded-for': option({
    ...flag,
    default: false,
    description:
      'Whether, with `use-forwarded-headers`, backends get the whole chain in `X-Forwarded-For` instead of the client alone.',
  }),
  'enable-real-ip': option({
    ...flag,
    default: false,
    description:
      "Whether `forwarded-for-header` of proxies in `proxy-real-ip-cidr` tells the client's address.",
  }),
  'use-proxy-protocol': option({
    ...flag,
    default: false,
    description: 'Whether clients speak the PROXY protocol. All of them have to then.',
  }),
  'proxy-real-ip-cidr': option<readonly Token<'cidr'>[]>({
    ...cidrs,
    default: [token('cidr', '0.0.0.0/0')],
    // A list that cannot be read trusts nobody: forged addresses would get past allow-lists.
    closed: [],
    description: 'Addresses and networks of the proxies in front, separated by commas.',
  }),
  'forwarded-for-header': option<Token<'header-name'>>({
    ...described(parseHeader, {
      name: 'header',
      allowed: 'letters, digits and "-"',
      samples: ['X-Forwarded-For'],
    }),
    default: token('header-name', 'X-Forwarded-For'),
    description: "The header with the client's address.",
  }),
  'forwarded-host-header': option<Token<'header-name'>>({
    ...described(parseHeader, {
      name: 'header',
      allowed: 'letters, digits and "-"',
      samples: ['X-Forwarded-Host'],
    }),
    default: token('header-name', 'X-Forwarded-Host'),
    description: 'The header that backends get as `X-Original-Forwarded-Host`.',
  }),
} satisfies OptionTable;
