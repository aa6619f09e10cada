import { choice } from '../model/grammar.ts';
import { headerName } from '../model/header.ts';
import { keyword } from '../model/words.ts';
import { annotation, definePlugin } from './plugin.ts';

const choices = ['close', 'keep-alive'] as const;

/** Sends backends a fixed Connection header, which keeps websockets from being opened. */
export const connectionHeader = definePlugin({
  name: 'connection-header',
  order: 220,
  annotations: {
    'connection-proxy-header': annotation<(typeof choices)[number] | null>({
      ...choice(choices),
      default: null,
      onInvalid: 'reject',
      description: 'The Connection header that backends see: close or keep-alive.',
    }),
  },
  routes({ settings }) {
    const value = settings['connection-proxy-header'];
    return value === null
      ? {}
      : { requestHeaders: [{ name: headerName('Connection'), value: keyword(value) }] };
  },
});
