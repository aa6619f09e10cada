import { isIP } from 'node:net';
import { lowerCase, shown, type Parsed } from '../model/token.ts';
import { bytesOf } from './regex.ts';

/** A request to be explained, as it was asked for; checked for form and length, not yet as nginx sees it. */
export interface AskedRequest {
  readonly url: string;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Of the URL, as written, without port; an IPv6 address in its brackets. */
  readonly name: string;
  readonly port: number | null;
  /** What stands in the request line, as bytes. */
  readonly target: string;
  /** The value of the header Host. */
  readonly hostHeader: string;
  /** Whether that was given beside the URL. */
  readonly ownHost: boolean;
  /** Without Host; in the order given. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Where the connection comes from; null where nobody said. */
  readonly client: string | null;
}

/** What is asked, as text. */
export interface Question {
  readonly url: string;
  readonly method?: string | undefined;
  /** `Name: value` each. */
  readonly headers?: readonly string[];
  readonly client?: string | undefined;
}

/** As long as nginx reads a request line by default, 8 KiB. */
const longestUrl = 8000;
const mostHeaders = 100;
const longestHeader = 8000;

/** Reads a question. An error says what is wrong with which part of it and what to write. */
export function readQuestion(question: Question): Parsed<AskedRequest> {
  const { url, method = 'GET', headers = [], client } = question;
  if (url.length > longestUrl) {
    return { error: `the URL is longer than ${longestUrl} characters: shorten it` };
  }
  const parts = /^(https?):\/\/([^/?#]*)([^#]*)/iu.exec(url);
  if (parts === null) {
    return { error: `${shown(url)} is no URL: write for example http://shop.example.com/cart` };
  }
  const [, scheme = '', authority = '', rest = ''] = parts;
  if (authority.includes('@')) {
    return { error: 'the URL has a user and a password: leave them out, and give the header Authorization' };
  }
  const host = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?$/u.exec(authority);
  if (host === null || Number(host[2] ?? 80) > 65_535 || Number(host[2] ?? 80) === 0) {
    return {
      error: `${shown(authority)} is no host: write a name or an address ([::1] for IPv6), and a port if it is another`,
    };
  }
  if (/[\u0000-\u0020\u007f]/u.test(rest)) {
    return { error: 'the URL has a space or control character: write it as % and two hexadecimal digits' };
  }
  if (!/^[A-Z][A-Z_-]{0,31}$/u.test(method)) {
    return { error: `${shown(method)} is no method: write for example GET, in upper case` };
  }
  const read = readHeaders(headers);
  if ('error' in read) {
    return read;
  }
  if (client !== undefined && isIP(client) === 0) {
    return { error: `${shown(client)} is no IP address` };
  }
  const hosts = read.value.filter(({ name }) => lowerCase(name) === 'host');
  if (hosts.length > 1) {
    return { error: 'the header Host is given twice: nginx answers 400; give it once' };
  }
  return {
    value: {
      url,
      method,
      scheme: lowerCase(scheme) === 'https' ? 'https' : 'http',
      name: host[1] ?? '',
      port: host[2] === undefined ? null : Number(host[2]),
      target: bytesOf(rest.startsWith('/') ? rest : `/${rest}`),
      hostHeader: hosts[0]?.value ?? authority,
      ownHost: hosts.length > 0,
      headers: read.value.filter(({ name }) => lowerCase(name) !== 'host'),
      client: client ?? null,
    },
  };
}

function readHeaders(lines: readonly string[]): Parsed<AskedRequest['headers']> {
  if (lines.length > mostHeaders) {
    return { error: `there are more than ${mostHeaders} headers` };
  }
  const headers: { readonly name: string; readonly value: string }[] = [];
  for (const line of lines) {
    const found = /^([!#$%&'*+.^_`|~A-Za-z0-9-]{1,256})\s*:[ \t]*(.*)$/su.exec(line);
    if (line.length > longestHeader || found === null) {
      return {
        error: `a header is not "Name: value", or longer than ${longestHeader} characters: ${shown(line.split(':')[0] ?? '')}`,
      };
    }
    const [, name = '', value = ''] = found;
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/u.test(value)) {
      return { error: `the value of the header ${name} has a control character: remove it` };
    }
    headers.push({ name, value: value.trimEnd() });
  }
  return { value: headers };
}

const credentials =
  /^(?:authorization|proxy-authorization|cookie|set-cookie|.*(?:token|secret|password|api-?key|auth).*)$/iu;

/** Whether the value of this header is nobody else's business. */
export function isCredential(name: string): boolean {
  return credentials.test(name);
}

/** The headers as they may be shown. */
export function shownHeaders(headers: AskedRequest['headers']): AskedRequest['headers'] {
  return headers.map(({ name, value }) => ({ name, value: isCredential(name) ? '[redacted]' : value }));
}
