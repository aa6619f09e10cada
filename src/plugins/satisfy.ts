import { choice } from '../model/grammar.ts';
import { keyword } from '../model/words.ts';
import { annotation, definePlugin } from './plugin.ts';

/** Whether a request must pass all protections of a route, or one of its addresses, its password, its external check. */
export const satisfy = definePlugin({
  name: 'satisfy',
  order: 405,
  annotations: {
    satisfy: annotation<'all' | 'any' | null>({
      ...choice(['all', 'any']),
      default: null,
      // A wrong value leaves nginx's own default: all.
      protective: true,
      description: 'all or any of the allow list, the password and the external check must let a request in.',
    }),
  },
  routes({ settings }) {
    const mode = settings['satisfy'];
    return mode === null ? {} : { location: { mode: keyword(mode) } };
  },
});
