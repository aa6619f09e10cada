import { integer } from '../model/grammar.ts';
import { seconds } from '../model/quantity.ts';
import { annotation, definePlugin } from './plugin.ts';

/** A year, in seconds: more is a typing error. */
const longest = 31_536_000;

/** Zero is refused: every request would end at once. */
const timeout = integer(1, longest);

/** How long nginx waits for backends: to connect, and between two reads or writes. Seconds, for HTTP and gRPC. */
export const timeouts = definePlugin({
  name: 'timeouts',
  order: 300,
  annotations: {
    'proxy-connect-timeout': annotation<number | null>({
      ...timeout,
      default: null,
      description: 'Seconds until a connection to a backend must stand.',
    }),
    'proxy-send-timeout': annotation<number | null>({
      ...timeout,
      default: null,
      description: 'Seconds between two writes of the request to a backend.',
    }),
    'proxy-read-timeout': annotation<number | null>({
      ...timeout,
      default: null,
      description: 'Seconds between two reads of the answer from a backend.',
    }),
  },
  routes({ settings, given, capabilities }) {
    if (given.length === 0) {
      return {};
    }
    return {
      location: {
        connect: inSeconds(settings['proxy-connect-timeout']),
        send: inSeconds(settings['proxy-send-timeout']),
        read: inSeconds(settings['proxy-read-timeout']),
        grpc: capabilities.grpc,
      },
    };
  },
});

function inSeconds(count: number | null): ReturnType<typeof seconds> | null {
  return count === null ? null : seconds(count);
}
