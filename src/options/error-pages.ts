import { described, flag } from '../model/grammar.ts';
import { parseInteger } from '../model/quantity.ts';
import { refused, shown, type Parsed } from '../model/token.ts';
import { option, type OptionTable } from './option.ts';

/** nginx keeps it for clients that went away. */
const clientClosed = 499;

/** Refusals keep their status, whatever the page's own is: a denied request never becomes a 200. */
export const refusals: readonly number[] = [401, 403];

/** What is told of them, in words that follow the name. */
export function keepsStatus(codes: readonly number[]): string {
  return `leaves ${codes.join(' and ')} as the status, whatever the page has: a refusal never becomes a 200`;
}

/** Which answers are replaced by pages of the default backend. Annotations of the same name change it for one Ingress. */
export const errorPages = {
  'custom-http-errors': option<readonly number[]>({
    ...described((text) => ({ value: readCodes(text).codes }), {
      name: 'list of statuses',
      allowed: 'numbers from 300 to 599, separated by commas',
      samples: ['404', '500,502'],
    }),
    default: [],
    remark: (text) => {
      const { codes, problems } = readCodes(text);
      const kept = codes.filter((code) => refusals.includes(code));
      const remarks = [
        ...(problems.length === 0
          ? []
          : [`leaves out ${problems.join(', ')}: write numbers from 300 to 599`]),
        ...(kept.length === 0 ? [] : [keepsStatus(kept)]),
      ];
      return remarks.length === 0 ? null : remarks.join('; ');
    },
    description:
      'Statuses whose answers are replaced by a page of the default backend, separated by commas: 300 to 599.',
  }),
  'disable-proxy-intercept-errors': option({
    ...flag,
    default: false,
    description: "Whether answers of backends are left alone, and only nginx's own errors are replaced.",
  }),
} satisfies OptionTable;

/** As in ingress-nginx an item that is no such status is left out. */
function readCodes(text: string): {
  readonly codes: readonly number[];
  readonly problems: readonly string[];
} {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const read = items.map((item) => ({ item, code: parseErrorCode(item, 300) }));
  const codes = read.flatMap(({ code }) => (refused(code) ? [] : [code.value]));
  return {
    codes: [...new Set(codes)].sort((a, b) => a - b),
    problems: read.flatMap(({ item, code }) => (refused(code) ? [shown(item)] : [])),
  };
}

/** A status from `least` to 599 that nginx can have a page for. */
export function parseErrorCode(text: string, least: number): Parsed<number> {
  const code = parseInteger(text, least, 599);
  return !refused(code) && code.value === clientClosed
    ? { error: `${shown(text)} has no page: nobody is there to see it` }
    : code;
}
