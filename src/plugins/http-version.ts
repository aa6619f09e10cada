import { parseChoice } from '../model/quantity.ts';
import { keyword } from '../model/words.ts';
import { annotation, definePlugin } from './plugin.ts';

/** The version of HTTP that backends are spoken to in. */
export const httpVersion = definePlugin({
  name: 'http-version',
  order: 230,
  annotations: {
    'proxy-http-version': annotation<'1.0' | '1.1'>({
      parse: (text) => parseChoice(text.trim(), ['1.0', '1.1'] as const),
      default: '1.1',
      description: 'The version of HTTP that backends are spoken to in: 1.0 or 1.1.',
    }),
  },
  route({ settings }) {
    const version = settings['proxy-http-version'];
    return version === '1.1' ? {} : { location: { version: keyword(version) } };
  },
});
