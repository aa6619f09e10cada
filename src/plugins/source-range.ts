import { cidrList } from '../model/cidr-list.ts';
import type { Token } from '../model/token.ts';
import { annotation, definePlugin } from './plugin.ts';

/**
 * Lets requests in by the address they come from. Denied networks come first: an address in both lists is denied. With
 * an allow list everybody else is denied.
 */
export const sourceRange = definePlugin({
  name: 'source-range',
  order: 410,
  annotations: {
    'allowlist-source-range': annotation<readonly Token<'cidr'>[]>({
      aliases: ['whitelist-source-range'],
      ...cidrList,
      default: [],
      option: 'whitelist-source-range',
      risk: 'Medium',
      onInvalid: 'deny',
      protective: true,
      description: 'Addresses and networks that are let in, separated by commas; all others get 403.',
    }),
    'denylist-source-range': annotation<readonly Token<'cidr'>[]>({
      ...cidrList,
      default: [],
      option: 'denylist-source-range',
      risk: 'Medium',
      onInvalid: 'deny',
      protective: true,
      description: 'Addresses and networks that get 403, separated by commas.',
    }),
  },
  routes({ settings }) {
    const allow = settings['allowlist-source-range'];
    const deny = settings['denylist-source-range'];
    return allow.length + deny.length > 0 ? { location: { allow, deny } } : {};
  },
  proves: (_slot, { allow }) => ((allow as readonly Token[]).length > 0 ? ['allow', 'deny'] : ['deny']),
});
