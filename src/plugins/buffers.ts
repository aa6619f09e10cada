import { bytes, parseBytes } from '../model/byte-size.ts';
import { byteSize, integer, onOff } from '../model/grammar.ts';
import { refused, type Parsed, type Token } from '../model/token.ts';
import type { Options } from '../options/options.ts';
import type { Reason } from '../model/verdict.ts';
import { annotation, definePlugin, type Settings } from './plugin.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const gibibyte = 1024 * mebibyte;

/** One request may ask nginx for this much memory; ingress-nginx has no bound. */
const mostNumber = 1024;
const mostSize = 16 * mebibyte;

const bufferSize = annotation<number | null>({
  ...byteSize(kibibyte, mostSize),
  default: null,
  description: 'The size of each buffer for an answer, and of the one for its head.',
});

/** How bodies are buffered on their way, and how large a request's may be. */
export const buffers = definePlugin({
  name: 'buffers',
  order: 310,
  annotations: {
    'proxy-body-size': annotation<number | null>({
      // nginx counts bytes in 63 bits; 0 is no limit.
      ...byteSize(0, 2 ** 50),
      default: null,
      risk: 'Medium',
      description: 'The largest body that a request may have; 0 is no limit.',
    }),
    'client-body-buffer-size': annotation<number | null>({
      ...byteSize(1, gibibyte),
      default: null,
      onInvalid: 'reject',
      description: 'How much of a body is kept in memory before it goes to a file.',
    }),
    'proxy-request-buffering': annotation<boolean | null>({
      ...onOff,
      default: null,
      description: 'Reads the whole body before the backend is asked.',
    }),
    'proxy-buffering': annotation<boolean | null>({
      ...onOff,
      default: null,
      description: 'Reads answers faster than the client takes them.',
    }),
    'proxy-buffers-number': annotation<number | null>({
      // With fewer than two nginx refuses its configuration.
      ...integer(2, mostNumber),
      default: null,
      description: 'How many buffers an answer may take.',
    }),
    'proxy-buffer-size': bufferSize,
    'proxy-busy-buffers-size': annotation<number | null>({
      ...byteSize(kibibyte, mostNumber * mostSize),
      default: null,
      description: 'How much of an answer may be on its way to the client while the rest is read.',
    }),
    'proxy-max-temp-file-size': annotation<number | null>({
      // nginx keeps sizes in 63 bits.
      ...byteSize(0, 2 ** 50),
      default: null,
      description: 'How much of an answer that is larger than the buffers goes to a file; 0 is none.',
    }),
  },
  routes({ settings, given, field, capabilities, options }) {
    if (given.length === 0) {
      return {};
    }
    const differences: Reason[] = [];
    // The sizes of one location must fit each other, whether it sets them or the global options do.
    const number = settings['proxy-buffers-number'] ?? options['proxy-buffers-number'];
    const each = settings['proxy-buffer-size'] ?? inBytes(options['proxy-buffer-size']);
    const isSized = settings['proxy-buffers-number'] !== null || settings['proxy-buffer-size'] !== null;

    function fitting(name: keyof typeof settings, fit: Parsed<number>): number | null {
      if (refused(fit)) {
        differences.push({ field: field(name) ?? '', message: `${fit.error}; the default is used` });
        return null;
      }
      return fit.value;
    }

    const givenBusy = settings['proxy-busy-buffers-size'];
    const busy =
      givenBusy === null ? null : fitting('proxy-busy-buffers-size', fitBusy(givenBusy, number, each));
    const givenFile = settings['proxy-max-temp-file-size'];
    const file = givenFile === null ? null : fitting('proxy-max-temp-file-size', fitFile(givenFile, each));
    return {
      location: {
        body: sized(settings['proxy-body-size']),
        bodyBuffer: sized(settings['client-body-buffer-size']),
        requestBuffering: switched(settings['proxy-request-buffering']),
        buffering: switched(settings['proxy-buffering']),
        buffers: isSized ? { number, size: bytes(each), grpc: capabilities.grpc } : null,
        busy: sized(busy ?? (isSized ? impliedBusy(number, each, options['proxy-busy-buffers-size']) : null)),
        file: sized(file ?? (isSized ? impliedFile(each, options['proxy-max-temp-file-size']) : null)),
      },
      differences,
    };
  },
});

/** The buffers for an answer, where the annotations of an object ask for others than the global options. */
export function answerBuffers(settings: Settings, options: Options): Settings | null {
  const number = settings['proxy-buffers-number'] as number | null;
  const size = settings['proxy-buffer-size'] as number | null;
  if (number === null && size === null) {
    return null;
  }
  const count = number ?? options['proxy-buffers-number'];
  const each = size ?? inBytes(options['proxy-buffer-size']);
  return {
    number: count,
    size: bytes(each),
    busy: sized(impliedBusy(count, each, options['proxy-busy-buffers-size'])),
    file: sized(impliedFile(each, options['proxy-max-temp-file-size'])),
  };
}

/** A value that a partial can tell from an absent one: Handlebars takes `false` and 0 for nothing. */
interface Switched {
  readonly on: boolean;
}

function switched(on: boolean | null): Switched | null {
  return on === null ? null : { on };
}

function sized(count: number | null): Token<'size'> | null {
  return count === null ? null : bytes(count);
}

/** nginx refuses what is less than one buffer, or more than all buffers but one. */
function fitBusy(busy: number, number: number, each: number): Parsed<number> {
  const most = (number - 1) * each;
  if (busy >= each && busy <= most) {
    return { value: busy };
  }
  const range = `from ${bytes(each).text} (proxy-buffer-size) to ${bytes(most).text} (one less than proxy-buffers-number of them)`;
  return { error: `${bytes(busy).text} does not fit the buffers: write a size ${range}` };
}

/** nginx's own default is two buffers, which it refuses where there are but two in all; so it does an option that does not fit. */
function impliedBusy(number: number, each: number, option: Token<'size'> | null): number | null {
  if (option === null) {
    return number > 2 ? null : each;
  }
  const most = (number - 1) * each;
  return Math.max(each, Math.min(most, inBytes(option)));
}

/** The option, or one buffer where that is more. */
function impliedFile(each: number, option: Token<'size'>): number | null {
  const most = inBytes(option);
  return most === 0 || most >= each ? null : each;
}

/** The bytes of an option, which has been parsed as a size. */
function inBytes(option: Token<'size'>): number {
  const parsed = parseBytes(option.text, 0, Number.MAX_SAFE_INTEGER);
  if (refused(parsed)) {
    throw new TypeError(parsed.error);
  }
  return parsed.value;
}

/** nginx refuses a file that is smaller than one buffer. */
function fitFile(most: number, each: number): Parsed<number> {
  return most === 0 || most >= each
    ? { value: most }
    : {
        error: `${bytes(most).text} is less than proxy-buffer-size, ${bytes(each).text}: write more, or 0 for no file`,
      };
}
