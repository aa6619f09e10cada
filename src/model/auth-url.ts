import { described, type Grammar } from './grammar.ts';
import { locationVariables } from './location-variables.ts';
import { parseRequestText, variablePattern, type RequestText } from './request-text.ts';
import { refused, shown, whole, type Parsed } from './token.ts';
import { caseless, pattern } from './value-type.ts';

/** The URL of an authentication service. */
export interface AuthUrl {
  readonly tls: boolean;
  /** In lower case; null where the URL has the request's own host (`$host`). */
  readonly host: string | null;
  readonly port: number;
  /** Path and query, which begin with "/". */
  readonly rest: RequestText;
}

const isLiteral = whole('[A-Za-z0-9._~/:,?&=-]*');
const isHost = whole('[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)*\\.?');
const ownHost: readonly string[] = ['$host', '$http_host', '$best_http_host', '$server_name'];

const allowed = 'http:// or https://, a host, and a path of letters, digits and - . _ ~ / : , ? & =';

/** Variables of these names hold what a client wrote, decoded or with spaces: they would change the request around them. */
const unsafe = /^(?:uri|document_uri|remote_user|content_type|binary_remote_addr|(?:http|cookie)_.*)$/u;

/** What ingress-nginx has beside the variables of nginx: the URI of the request as the value of a query parameter. */
export const escapedUri = 'escaped_request_uri';

const more = [escapedUri, ...locationVariables.filter((name) => name !== 'location_path')];

const rules = { literal: isLiteral, allowed, more };

/**
 * Reads the URL of an authentication service. Its host is written out or is that of the request; variables may stand
 * in its path and query, where they tell the service about the request.
 */
export function parseAuthUrl(text: string): Parsed<AuthUrl> {
  const [, scheme = '', authority = '', rest = ''] =
    /^([hH][tT]{2}[pP][sS]?):\/\/([^/?]*)(.*)$/u.exec(text.trim()) ?? [];
  const [, name = '', digits] = /^([^:]*)(?::(\d{1,5}))?$/u.exec(authority) ?? [];
  const isOwn = ownHost.includes(name);
  if (scheme === '' || (!isOwn && !isHost(name))) {
    return { error: `${shown(text)} is not the URL of a service: write ${allowed}` };
  }
  const tls = scheme.toLowerCase() === 'https';
  const usual = tls ? 443 : 80;
  const port = digits === undefined ? usual : Number(digits);
  if (port < 1 || port > 65_535) {
    return { error: `${shown(text)} has the port ${port}: write one from 1 to 65535` };
  }
  const parsed = urlText(rest.startsWith('/') ? rest : `/${rest}`);
  return refused(parsed)
    ? parsed
    : { value: { tls, host: isOwn ? null : name.toLowerCase(), port, rest: parsed.value } };
}

/** The page to log in, and whether its URL has a query already, or the parameter that tells where to return to. */
export interface SignInUrl {
  readonly text: RequestText;
  readonly parameters: readonly string[];
}

/** Reads the URL of a page to log in; it may begin with `https://$host`. */
export function parseSignInUrl(text: string): Parsed<SignInUrl> {
  const trimmed = text.trim();
  if (!/^(?:https?|\$scheme|\$pass_access_scheme):\/\/[^/?]+/u.test(trimmed.toLowerCase())) {
    return { error: `${shown(text)} is not the URL of a page: write ${allowed}` };
  }
  const parsed = urlText(trimmed);
  if (refused(parsed)) {
    return parsed;
  }
  const query = /\?(.*)$/u.exec(trimmed)?.[1] ?? '';
  const parameters = query
    .split('&')
    .map((pair) => pair.split('=')[0] ?? '')
    .filter((name) => name !== '');
  return { value: { text: parsed.value, parameters } };
}

const characters = 'A-Za-z0-9._~/:,?&=-';
const safeVariable = `\\$\\{?${variablePattern(more)}\\}?`;
const safeText = `(?:[${characters}]|${safeVariable})*`;

/** The URL of an authentication service. */
export const authUrl: Grammar<AuthUrl> = described(parseAuthUrl, {
  name: 'URL',
  allowed: `${allowed}; variables of the request may stand after the host`,
  shape: pattern(
    `(?:${caseless('https|http')})://(?:\\$(?:host|http_host|best_http_host|server_name)|[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)*\\.?)` +
      `(?::[0-9]{1,5})?(?:[/?]${safeText})?`,
  ),
  samples: ['http://auth.default.svc.cluster.local/check', 'https://$host/oauth2/auth?uri=$request_uri'],
});

/** The URL of a page to log in. */
export const signInUrl: Grammar<SignInUrl> = described(parseSignInUrl, {
  name: 'URL',
  allowed: `${allowed}; variables of the request such as $host may stand in it`,
  shape: pattern(
    `(?:${caseless('https|http')}|\\$(?:${caseless('scheme|pass_access_scheme')}))://(?:[${characters.replaceAll(/[/?]/gu, '')}]|${safeVariable})${safeText}`,
  ),
  samples: ['https://$host/oauth2/start?rd=$escaped_request_uri', 'https://login.example.com/'],
});

/** Reads path and query of a URL that nginx is to ask: variables in it may not hold what would change the request. */
export function urlText(text: string): Parsed<RequestText> {
  // A Host header that nginx has accepted holds no space: as `$best_http_host` it is the one that counts.
  const parsed = parseRequestText(
    text.replaceAll(/\$\{?http_host\}?(?![a-z0-9_])/gu, '$best_http_host'),
    rules,
  );
  if (refused(parsed)) {
    return parsed;
  }
  const bad = parsed.value.parts.find((part) => 'variable' in part && unsafe.test(part.variable));
  return bad === undefined
    ? parsed
    : {
        error: `${shown(text)} has a variable that may hold spaces or line ends: use $request_uri or $args`,
      };
}

/** Whether the URI of the request stands in the text as the value of a parameter. */
export function namesEscapedUri({ parts }: RequestText): boolean {
  return parts.some((part) => 'variable' in part && part.variable === escapedUri);
}
