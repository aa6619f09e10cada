import { flag } from '../model/grammar.ts';
import { annotation, definePlugin } from './plugin.ts';

/** Which requests are logged, and whether rewriting is. */
export const requestLog = definePlugin({
  name: 'request-log',
  order: 340,
  annotations: {
    'enable-access-log': annotation({
      ...flag,
      default: true,
      description: 'Writes requests to the access log.',
    }),
    'enable-rewrite-log': annotation({
      ...flag,
      default: false,
      description: 'Tells in the error log what rewriting does, at level notice.',
    }),
  },
  routes({ settings, trafficLog }) {
    const silent = !settings['enable-access-log'];
    const rewrites = settings['enable-rewrite-log'];
    return silent || rewrites ? { location: { silent, rewrites, trafficLog } } : {};
  },
});
