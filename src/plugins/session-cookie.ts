import { described, flag, integer, mapped, textOf, tokenOf, wordsType } from '../model/grammar.ts';
import type { Capabilities } from '../model/capabilities.ts';
import { lowerCase, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { identifier } from '../model/words.ts';
import { hashOf } from './additions.ts';
import { annotation, type SettingsOf } from './plugin.ts';

const pathPattern = '/[A-Za-z0-9._~/:,?&=-]{0,512}';
const domainPattern = '\\.?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?';

const sameSites = ['none', 'lax', 'strict'] as const;

/** Longer than any browser keeps a cookie. */
const longestSeconds = 10 * 365 * 24 * 3600;

/** How the cookie of a sticky session looks, after ingress-nginx. */
export const sessionCookieTable = {
  'session-cookie-name': annotation<Token<'cookie-name'>>({
    ...mapped(
      textOf({
        name: 'cookie',
        pattern: '[A-Za-z0-9_.~-]{1,128}',
        fault: 'is no name of a cookie',
        allowed: 'letters, digits and _ . ~ -',
        samples: ['INGRESSCOOKIE'],
      }),
      (name) => token('cookie-name', name),
    ),
    default: token('cookie-name', 'INGRESSCOOKIE'),
    risk: 'Medium',
    scope: 'ingress',
    description: 'The name of the cookie of a sticky session.',
  }),
  'session-cookie-secure': annotation({
    ...flag,
    default: false,
    scope: 'ingress',
    description: 'Marks the cookie Secure, so that browsers send it over HTTPS only.',
  }),
  'session-cookie-expires': secondsRow('Seconds after which browsers forget the cookie.'),
  'session-cookie-max-age': secondsRow('The same; it holds before session-cookie-expires.'),
  'session-cookie-path': textRow(pathPattern, 'absolute path', '/app', 'The path of the cookie.'),
  'session-cookie-domain': textRow(domainPattern, 'domain', 'example.com', 'The domain of the cookie.'),
  'session-cookie-samesite': annotation<'none' | 'lax' | 'strict' | null>({
    ...described(parseSameSite, wordsType(sameSites, true)),
    default: null,
    scope: 'ingress',
    description: 'The attribute SameSite of the cookie: None, Lax or Strict.',
  }),
  'session-cookie-conditional-samesite-none': annotation({
    ...flag,
    default: false,
    scope: 'ingress',
    description: 'Leaves SameSite=None out for browsers that are known not to understand it.',
  }),
  'session-cookie-change-on-failure': annotation({
    ...flag,
    default: false,
    scope: 'ingress',
    description: 'Whether the cookie goes with a retry to another endpoint; it takes nginx 1.29.6.',
  }),
};

/** The cookie of one Ingress, as templates print it. */
export interface SessionCookie {
  readonly name: Token<'cookie-name'>;
  readonly secure: boolean;
  /** Seconds. */
  readonly maxAge: number | null;
  readonly path: Token<'text'>;
  readonly domain: Token<'text'> | null;
  readonly sameSite: 'none' | 'lax' | 'strict' | null;
  /** `SameSite=None` is left out for some browsers. */
  readonly conditional: boolean;
}

type CookieSettings = SettingsOf<typeof sessionCookieTable>;

const isPlainPath = whole(pathPattern);

/** The cookie that an Ingress asks for; of a rule's path, where it has none of its own and that is a path of a cookie. */
export function sessionCookie(settings: CookieSettings, rule: Token<'path'> | null = null): SessionCookie {
  const path = rule !== null && isPlainPath(rule.text) ? rule.text : '/';
  const sameSite = settings['session-cookie-samesite'];
  return {
    name: settings['session-cookie-name'],
    secure: settings['session-cookie-secure'],
    maxAge: settings['session-cookie-max-age'] ?? settings['session-cookie-expires'],
    path: settings['session-cookie-path'] ?? token('text', path),
    domain: settings['session-cookie-domain'],
    sameSite,
    conditional: sameSite === 'none' && settings['session-cookie-conditional-samesite-none'],
  };
}

/**
 * Whether nginx's own `sticky cookie` keeps sessions: it names the endpoint, so that none moves when others come, and
 * follows a retry. Otherwise a cookie of our own is hashed, as in ingress-nginx: it can have the path of each rule.
 */
export function isByNginx(
  settings: CookieSettings & { readonly 'affinity-mode': 'balanced' | 'persistent' },
  { stickyCookie }: Pick<Capabilities, 'stickyCookie'>,
): boolean {
  const wanted = settings['affinity-mode'] === 'persistent' || settings['session-cookie-change-on-failure'];
  return wanted && stickyCookie;
}

/** The parameters of nginx's `sticky cookie`, each one word. */
export function stickyParameters(cookie: SessionCookie): Token<'text'>[] {
  const { secure, maxAge, path, domain, sameSite } = cookie;
  const words = [
    maxAge === null ? null : `expires=${maxAge}s`,
    domain === null ? null : `domain=${domain.text}`,
    'httponly',
    secure ? 'secure' : null,
    sameSite === null ? null : `samesite=${sameSite}`,
    `path=${path.text}`,
  ];
  return words.flatMap((word) => (word === null ? [] : [token('text', word)]));
}

/** A cookie of our own, which is hashed. */
export interface OwnCookie {
  /** A variable that holds what the client sent, or what it is sent where it had none. */
  readonly key: {
    readonly name: Token<'identifier'>;
    readonly variable: Token<'expression'>;
    readonly pattern: Token<'regex'>;
    readonly sent: Token<'expression'>;
  };
  /** A variable that holds the cookie to set, or nothing. */
  readonly header: {
    readonly name: Token<'identifier'>;
    readonly variable: Token<'expression'>;
    readonly pattern: Token<'regex'>;
    readonly cookie: Token<'expression'>;
  };
  /** It reads the variable that leaves `SameSite=None` out for some browsers. */
  readonly conditional: boolean;
}

/** A cookie of our own; those of one name are read alike. */
export function ownCookie(cookie: SessionCookie): OwnCookie {
  const key = `session_${hashOf(cookie.name)}`;
  const header = `session_cookie_${hashOf(cookie)}`;
  const name = cookie.name.text.replaceAll('.', '\\.');
  function pattern(group: string): Token<'regex'> {
    return token('regex', `(?:^|; *)${name}=(${group}[A-Za-z0-9_.-]{8,128})(?:;|$)`);
  }
  return {
    key: {
      name: identifier(key),
      variable: token('expression', `$${key}`),
      pattern: pattern(`?<${key}_sent>`),
      sent: token('expression', `$${key}_sent`),
    },
    header: {
      name: identifier(header),
      variable: token('expression', `$${header}`),
      pattern: pattern('?:'),
      cookie: token('expression', cookieText(cookie)),
    },
    conditional: cookie.conditional,
  };
}

function cookieText(cookie: SessionCookie): string {
  return `${cookie.name.text}=\${request_id}${cookieAttributes(cookie, '${session_cookie_secure}')}`;
}

/**
 * What follows the value of a cookie, where nginx expands variables. `secureOverTls` stands for the attribute Secure
 * where it depends on the request.
 */
export function cookieAttributes(
  { path, domain, maxAge, secure, sameSite, conditional }: SessionCookie,
  secureOverTls: string,
): string {
  const named = sameSite === null ? '' : `${sameSite.slice(0, 1).toUpperCase()}${sameSite.slice(1)}`;
  const alike = named === '' ? '' : `; SameSite=${named}`;
  const site = conditional ? '${session_cookie_same_site}' : alike;
  return [
    `; Path=${path.text}; HttpOnly`,
    domain === null ? '' : `; Domain=${domain.text}`,
    maxAge === null ? '' : `; Max-Age=${maxAge}`,
    secure ? '; Secure' : secureOverTls,
    site,
  ].join('');
}

function parseSameSite(text: string): Parsed<'none' | 'lax' | 'strict'> {
  const found = sameSites.find((each) => each === lowerCase(text.trim()));
  return found === undefined
    ? { error: `${shown(text)} is not allowed: write None, Lax or Strict` }
    : { value: found };
}

function secondsRow(description: string): ReturnType<typeof annotation<number | null>> {
  return annotation<number | null>({
    ...integer(0, longestSeconds),
    default: null,
    risk: 'Medium',
    scope: 'ingress',
    description,
  });
}

function textRow(
  form: string,
  name: string,
  sample: string,
  description: string,
): ReturnType<typeof annotation<Token<'text'> | null>> {
  return annotation<Token<'text'> | null>({
    ...tokenOf({
      name,
      pattern: form,
      fault: `is no ${name}`,
      allowed: 'letters, digits and plain punctuation',
      samples: [sample],
    }),
    default: null,
    risk: 'Medium',
    scope: 'ingress',
    description,
  });
}
