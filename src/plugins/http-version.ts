import { choice, mapped } from '../model/grammar.ts';
import type { Token } from '../model/token.ts';
import { keyword } from '../model/words.ts';
import { annotation, definePlugin } from './plugin.ts';

/** The version of HTTP that backends are spoken to in. */
export const httpVersion = definePlugin({
  name: 'http-version',
  order: 230,
  annotations: {
    'proxy-http-version': annotation<Token<'keyword'>>({
      ...mapped(choice(['1.0', '1.1']), (version) => keyword(version)),
      default: keyword('1.1'),
      option: 'proxy-http-version',
      description: 'The version of HTTP that backends are spoken to in: 1.0 or 1.1.',
    }),
  },
  routes({ settings, given }) {
    // The default stands in http.
    return given.length === 0 ? {} : { location: { version: settings['proxy-http-version'] } };
  },
});
