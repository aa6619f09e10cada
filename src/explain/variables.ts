import type { Listener, Model } from '../model/model.ts';
import type { Token } from '../model/token.ts';
import { realAddress, isWithin } from './addresses.ts';
import { bytesOf, type RegexMatch } from './regex.ts';
import type { AskedRequest } from './request.ts';

/** A value as bytes, one a character; null where nobody can tell it from the request. */
export type Value = string | null;

/** What variables of nginx are made of. */
export interface VariableParts {
  readonly asked: AskedRequest;
  readonly model: Pick<Model, 'http' | 'options'>;
  readonly listener: Listener;
  /** Compared with server names. */
  readonly host: string;
  readonly uri: string;
  readonly args: string;
  /** Of nginx: older ones take the first of several headers of one name. */
  readonly version: string;
}

const hostForm = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/iu;

/**
 * The variables of one request, as nginx and the maps of the templates give them: those that what the gateway prints
 * may name. `$uri` changes with a rewrite, and a regex that has matched adds its named groups.
 */
export class Variables {
  readonly #parts: VariableParts;
  readonly #own = new Map<string, Value>();
  readonly #headers: ReadonlyMap<string, string>;
  uri: string;

  constructor(parts: VariableParts) {
    this.#parts = parts;
    this.uri = parts.uri;
    this.#headers = headersByVariable(parts);
  }

  /** The address that counts as the client's; null where nobody knows it. */
  get clientAddress(): string | null {
    const { asked, model } = this.#parts;
    const proxies = model.http.proxiesInFront;
    return proxies === null || proxies.proxyProtocol
      ? asked.client
      : realAddress(asked.client, this.#header(proxies.addressHeader.text), proxies.networks);
  }

  set(name: string, value: Value): void {
    this.#own.set(name, value);
  }

  /** Adds what the named groups of a regex have found. */
  take({ named }: RegexMatch): void {
    for (const [name, value] of named) {
      this.#own.set(name, value ?? '');
    }
  }

  get(name: string): Value {
    const own = this.#own.get(name);
    if (own !== undefined) {
      return own;
    }
    const family = /^(http|arg|cookie)_(.*)$/u.exec(name);
    if (family !== null && !['http_host', 'http_cookie'].includes(name)) {
      return this.#ofFamily(family[1] ?? '', family[2] ?? '');
    }
    return this.#plain(name);
  }

  /** The text of a token where nginx expands variables. */
  expand(part: Token): Value {
    if (part.token !== 'expression') {
      return bytesOf(part.text);
    }
    let text = '';
    for (const [found, braced, bare] of part.text.matchAll(/\$(?:\{(\w+)\}|(\w+))|[^$]+|\$/gu)) {
      const name = braced ?? bare;
      const value = name === undefined ? bytesOf(found) : this.get(name);
      if (value === null) {
        return null;
      }
      text += value;
    }
    return text;
  }

  #plain(name: string): Value {
    const { asked, args, host, listener } = this.#parts;
    switch (name) {
      case 'scheme':
        return asked.scheme;
      case 'host':
        return host;
      case 'http_host':
        return bytesOf(asked.hostHeader);
      case 'http_cookie':
        return this.#header('cookie');
      case 'uri':
      case 'document_uri':
        return this.uri;
      case 'args':
      case 'query_string':
        return args;
      case 'is_args':
        return args === '' ? '' : '?';
      case 'request_uri':
        return asked.target;
      case 'request_method':
        return asked.method;
      case 'server_port':
        return listener.socket === null ? String(listener.port) : '';
      case 'remote_addr':
        return this.clientAddress;
      case 'literal_dollar':
        return '$';
      case 'content_type':
        return this.#header('content-type');
      case 'content_length':
        return this.#header('content-length');
      case 'uri_without_slash':
      case 'uri_for_www':
        return asked.target.replace(/\/$/u, '');
      case 'mirror_uri':
        return asked.target.slice(1);
      case 'escaped_request_uri':
        // Each of the steps of the templates finds at least one of these, and there are 24.
        return (asked.target.match(/[%&+]/gu) ?? []).length > 24 ? null : this.#escapedTarget();
      default:
        return this.#ofMaps(name);
    }
  }

  /** The maps of the templates about scheme, host and port. */
  #ofMaps(name: string): Value {
    const { asked, host, listener, model } = this.#parts;
    switch (name) {
      case 'host_header':
      case 'own_host':
        return hostForm.test(asked.hostHeader) ? bytesOf(asked.hostHeader) : host;
      case 'best_http_host':
        return this.#told('x-forwarded-host', /^[A-Za-z0-9._:-]+/u, 'own_host');
      case 'own_port':
        return listener.port === model.http.httpsPort || listener.socket !== null
          ? '443'
          : String(listener.port);
      case 'pass_port':
        return this.#told('x-forwarded-port', /^[0-9]{1,5}$/u, 'own_port');
      case 'pass_access_scheme':
        // Texts of a map are compared without letter case.
        return this.#told('x-forwarded-proto', /^https?$/iu, 'scheme')?.toLowerCase() ?? null;
      default:
        return null;
    }
  }

  /** What a proxy in front has said in a header, if it is one and has; else a variable of nginx's own. */
  #told(header: string, form: RegExp, own: string): Value {
    const { http } = this.#parts.model;
    const said = http.trustsForwardedHeaders ? form.exec(this.#header(header))?.[0] : undefined;
    if (said === undefined) {
      return this.get(own);
    }
    const isProxy = isWithin(this.#parts.asked.client, http.proxiesInFront?.networks ?? []);
    if (isProxy === null) {
      return null;
    }
    return isProxy ? said : this.get(own);
  }

  #ofFamily(family: string, name: string): Value {
    if (family === 'http') {
      return this.#headers.get(name) ?? '';
    }
    const [list, separator] =
      family === 'arg' ? [this.#parts.args, '&'] : ([this.#header('cookie'), ';'] as const);
    for (const item of list.split(separator)) {
      const [key = '', ...value] = item.split('=');
      if (value.length > 0 && key.trimStart().toLowerCase() === name.toLowerCase()) {
        return value.join('=').trimEnd();
      }
    }
    return '';
  }

  #header(name: string): string {
    return this.#headers.get(name.toLowerCase().replaceAll('-', '_')) ?? '';
  }

  #escapedTarget(): string {
    return this.#parts.asked.target.replaceAll(/[%&+]/gu, (byte) => encodeURIComponent(byte));
  }
}

/** Joined by every nginx. */
const listed: readonly string[] = ['cookie', 'x_forwarded_for'];

/**
 * Headers by the names of their variables. Those that nginx drops are not there; several of one name are joined since
 * 1.23.
 */
function headersByVariable({ asked, model, version }: VariableParts): Map<string, string> {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const joinsAll = major > 1 || minor >= 23;
  const found = new Map<string, string>();
  for (const { name, value } of asked.headers) {
    const isKept =
      /^[A-Za-z0-9-]+$/u.test(name) ||
      (model.options['enable-underscores-in-headers'] && /^[A-Za-z0-9_-]+$/u.test(name)) ||
      !model.options['ignore-invalid-headers'];
    const variable = name.toLowerCase().replaceAll(/[^a-z0-9]/gu, '_');
    const before = found.get(variable);
    if (isKept && (before === undefined || joinsAll || listed.includes(variable))) {
      const joined = before === undefined ? value : `${before}${variable === 'cookie' ? '; ' : ', '}${value}`;
      found.set(variable, bytesOf(joined));
    }
  }
  return found;
}
