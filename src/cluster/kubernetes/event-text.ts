import { hash } from 'node:crypto';
import type { Verdict, VerdictState } from '../../model/verdict.ts';

/** What an Event says. */
export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** One word, for machines. */
  readonly reason: string;
  /** At most 1,024 bytes of UTF-8 on one line. */
  readonly message: string;
}

/** The API's own limit for the note of an Event, in bytes. */
export const maxMessageBytes = 1024;

const reasons: Readonly<Record<VerdictState, string>> = {
  served: 'Served',
  'served-with-difference': 'ServedWithDifference',
  quarantined: 'Quarantined',
  rejected: 'Rejected',
  conflict: 'Conflict',
  ignored: 'Ignored',
};

const withoutReasons: Readonly<Record<VerdictState, string>> = {
  served: 'The object is served as written.',
  'served-with-difference': 'The object is served, but not as written.',
  quarantined: 'The object is kept out of the configuration.',
  rejected: 'The object is not served.',
  conflict: 'Another object has what this one asks for.',
  ignored: 'The object is not for this gateway.',
};

const rest = ' … (all reasons: /debug/objects)';

/** States about which there is something to do. */
export function isWorry(state: VerdictState): boolean {
  return state !== 'served' && state !== 'ignored';
}

/** The verdict's own words as an Event. Whatever is in them, the message is one line without control characters. */
export function eventText({ state, reasons: found }: Verdict): EventText {
  let message = '';
  for (const { field, message: words } of found) {
    message += `${message === '' ? '' : '; '}${field === '' ? '' : `${field}: `}${words}`;
    if (message.length > maxMessageBytes * 2) {
      break;
    }
  }
  return {
    type: isWorry(state) ? 'Warning' : 'Normal',
    reason: reasons[state],
    message: shortened(oneLine(message)) || withoutReasons[state],
  };
}

/** Short text that is the same for the same verdict: the state, a colon and a hash of the reasons. */
export function verdictPrint({ state, reasons: found }: Verdict): string {
  return `${state}:${hash('sha1', JSON.stringify(found), 'base64url').slice(0, 16)}`;
}

/** The state in a print. */
export function stateOfPrint(print: string): string {
  return print.slice(0, print.indexOf(':'));
}

function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
}

function shortened(text: string): string {
  if (Buffer.byteLength(text) <= maxMessageBytes) {
    return text;
  }
  const kept = Buffer.from(text).subarray(0, maxMessageBytes - Buffer.byteLength(rest));
  // A character that was cut in two becomes U+FFFD, which is longer than what is left of it.
  return kept.toString('utf8').replace(/\uFFFD+$/u, '') + rest;
}
