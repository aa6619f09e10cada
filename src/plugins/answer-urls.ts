import { cookieDomain, cookiePath, redirectWord, type Change } from '../model/answer-change.ts';
import type { Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { annotation, definePlugin } from './plugin.ts';

/** Corrects what backends say about their own address: domain and path of cookies, and redirects. */
export const answerUrls = definePlugin({
  name: 'answer-urls',
  order: 330,
  annotations: {
    'proxy-cookie-domain': annotation<Change>({
      ...cookieDomain,
      default: 'off',
      option: 'proxy-cookie-domain',
      risk: 'Medium',
      description: 'Replaces the domain of cookies: off, or the domain of the backend and the one to show.',
    }),
    'proxy-cookie-path': annotation<Change>({
      ...cookiePath,
      default: 'off',
      option: 'proxy-cookie-path',
      risk: 'Medium',
      description: 'Replaces the path of cookies: off, or the path of the backend and the one to show.',
    }),
    'proxy-redirect-from': annotation<Token<'text'> | null>({
      ...redirectWord,
      default: null,
      option: 'proxy-redirect-from',
      risk: 'Medium',
      description:
        'How redirects of the backend begin that are to be replaced; off and default replace none.',
    }),
    'proxy-redirect-to': annotation<Token<'text'> | null>({
      ...redirectWord,
      default: null,
      option: 'proxy-redirect-to',
      risk: 'Medium',
      description: 'What stands for the beginning of a replaced redirect.',
    }),
  },
  routes({ settings, field }) {
    const differences: Reason[] = [];
    const from = settings['proxy-redirect-from'];
    const to = settings['proxy-redirect-to'];
    const isFrom = from !== null && from.text !== 'off' && from.text !== 'default';
    const isTo = to !== null && to.text !== 'off';
    if (isFrom !== isTo) {
      const name = isFrom ? 'proxy-redirect-from' : 'proxy-redirect-to';
      const other = isFrom ? 'proxy-redirect-to' : 'proxy-redirect-from';
      const message = `has no effect without ${other}: set both, or neither`;
      const set = field(name);
      differences.push(...(set === null ? [] : [{ field: set, message }]));
    }
    const redirect = isFrom && isTo ? { from, to } : null;
    const domain = settings['proxy-cookie-domain'];
    const path = settings['proxy-cookie-path'];
    if (domain === 'off' && path === 'off' && redirect === null) {
      return { differences };
    }
    return {
      location: {
        domain: domain === 'off' ? null : domain,
        path: path === 'off' ? null : path,
        redirect,
      },
      differences,
    };
  },
});
