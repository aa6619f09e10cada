import { urlText } from './auth-url.ts';
import { described, type Grammar } from './grammar.ts';
import type { RequestText } from './request-text.ts';
import { refused, shown, whole, type Parsed } from './token.ts';

/** Where copies of requests go. */
export interface MirrorUrl {
  readonly tls: boolean;
  /** In lower case. */
  readonly host: string;
  readonly port: number;
  /** Path and query after the first `/`. */
  readonly rest: RequestText;
  /** The request's own URI stands before it, from its first `/` on. */
  readonly isCopied: boolean;
}

const isHost = whole('[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)*\\.?');
const allowed =
  'http:// or https://, a host, and a path, in which variables of the request such as $request_uri may stand';

/** Reads the URL of a mirror: its host is written out, and `$request_uri` may follow it at once. */
function parseMirrorUrl(text: string): Parsed<MirrorUrl> {
  const [, scheme = '', authority = '', rest = ''] =
    /^([hH][tT]{2}[pP][sS]?):\/\/([^/?$]*)(.*)$/u.exec(text.trim()) ?? [];
  const [, host = '', digits] = /^([^:]*)(?::(\d{1,5}))?$/u.exec(authority) ?? [];
  if (!isHost(host)) {
    return { error: `${shown(text)} is not the URL of a mirror: write ${allowed}` };
  }
  const tls = scheme.toLowerCase() === 'https';
  const usual = tls ? 443 : 80;
  const port = digits === undefined ? usual : Number(digits);
  if (port < 1 || port > 65_535) {
    return { error: `${shown(text)} has the port ${port}: write one from 1 to 65535` };
  }
  const own = /^\$(?:request_uri(?![a-z0-9_])|\{request_uri\})/u.exec(rest)?.[0] ?? '';
  const parsed = urlText(own === '' ? rest.replace(/^\//u, '') : rest.slice(own.length));
  return refused(parsed)
    ? parsed
    : { value: { tls, host: host.toLowerCase(), port, rest: parsed.value, isCopied: own !== '' } };
}

/** The URL of a mirror. */
export const mirrorUrl: Grammar<MirrorUrl> = described(parseMirrorUrl, {
  name: 'URL',
  allowed,
  samples: [
    'https://test.example.com$request_uri',
    'http://mirror.default.svc.cluster.local/copies$request_uri',
  ],
});
