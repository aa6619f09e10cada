import { described, flag, integer } from '../model/grammar.ts';
import { headerName } from '../model/header.ts';
import type { ResponseHeader } from '../model/model.ts';
import { readOrigins, type Origins } from '../model/origin.ts';
import { shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { pattern } from '../model/value-type.ts';
import { expression, identifier } from '../model/words.ts';
import { hashOf } from './additions.ts';
import { annotation, definePlugin, type AnnotationSpec, type Settings } from './plugin.ts';

const defaultHeaders =
  'DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization';
const defaultMethods = 'GET, PUT, POST, DELETE, PATCH, OPTIONS';

/** In seconds, after ingress-nginx; browsers take two hours or a day at most. */
const defaultMaxAge = 1_728_000;

const headerPattern = '[A-Za-z0-9_-]+';
const exposedPattern = '(?:[A-Za-z0-9_-]+|\\*)';
const methodPattern = '[A-Za-z]+';

/** One of the headers of CORS: what is answered to an allowed origin. */
interface CorsHeader {
  readonly name: string;
  readonly value: Token;
}

/**
 * Lets scripts of other origins read answers, and answers their preflights. As in ingress-nginx a preflight is
 * answered before anything else is looked at: by nginx, with nothing of a backend in it. All else passes the
 * protections of the route.
 */
export const cors = definePlugin({
  name: 'cors',
  order: 50,
  annotations: {
    'enable-cors': annotation({
      ...flag,
      default: false,
      scope: 'ingress',
      description: 'Answers scripts of other origins.',
    }),
    'cors-allow-origin': annotation<Origins>({
      ...described((text) => ({ value: readOrigins(text) }), {
        name: 'list of origins',
        allowed: 'origins (scheme://host[:port]) separated by commas, *. for one label of a host, or *',
        samples: ['*', 'https://example.com, https://*.example.com:8443'],
      }),
      default: { any: true, patterns: [], problems: [] },
      risk: 'Medium',
      scope: 'ingress',
      description: 'Origins that may read answers, separated by commas; *. stands for one label, * for all.',
    }),
    'cors-allow-headers': list(headerPattern, defaultHeaders, 'Headers that requests may have.'),
    'cors-allow-methods': list(methodPattern, defaultMethods, 'Methods that requests may have.'),
    'cors-expose-headers': list(exposedPattern, '', 'Headers of answers that scripts may read; * for all.'),
    'cors-allow-credentials': annotation({
      ...flag,
      default: true,
      scope: 'ingress',
      description: 'Whether scripts may send cookies and passwords.',
    }),
    'cors-max-age': annotation({
      ...integer(-1, 2 ** 31 - 1),
      default: defaultMaxAge,
      scope: 'ingress',
      description: 'Seconds for which a browser may remember the answer to a preflight.',
    }),
  },
  routes({ settings, field }) {
    if (!settings['enable-cors']) {
      return {};
    }
    const origins = settings['cors-allow-origin'];
    const differences = origins.problems.map((message) => ({
      field: field('cors-allow-origin') ?? '',
      message,
    }));
    const headers: CorsHeader[] = [
      ...(settings['cors-allow-credentials'] ? [{ name: 'Credentials', value: token('text', 'true') }] : []),
      { name: 'Methods', value: settings['cors-allow-methods'] },
      { name: 'Headers', value: settings['cors-allow-headers'] },
    ].map(({ name, value }) => ({ name: `Access-Control-Allow-${name}`, value }));
    if (settings['cors-expose-headers'].text !== '') {
      headers.push({ name: 'Access-Control-Expose-Headers', value: settings['cors-expose-headers'] });
    }
    const maxAge = token('text', String(settings['cors-max-age']));
    headers.push({ name: 'Access-Control-Max-Age', value: maxAge });
    if (origins.any) {
      const star: CorsHeader = { name: 'Access-Control-Allow-Origin', value: token('text', '*') };
      return {
        location: { any: true, policy: null },
        responseHeaders: [star, ...headers].map(({ name, value }) => answered(name, value)),
        differences,
      };
    }
    const policy = policyOf(origins.patterns, headers);
    return {
      location: { any: false, policy },
      responseHeaders: policy.headers.map(({ name, variable }) => answered(name, expression`$${variable}`)),
      differences,
    };
  },
  http(used) {
    const policies = new Map<string, Settings>();
    for (const settings of used) {
      const policy = settings['policy'] as Policy | null;
      if (policy !== null) {
        policies.set(policy.origin.text, { ...policy });
      }
    }
    const sorted = [...policies].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, policy]) => policy);
    return sorted.length === 0 ? null : { policies: sorted };
  },
});

/** Which origins get which headers; equal ones share their maps. */
interface Policy {
  readonly patterns: readonly Token<'regex'>[];
  /** Holds the origin of a request if it is allowed. */
  readonly origin: Token<'identifier'>;
  /** Not empty for a preflight of an allowed origin. */
  readonly preflight: Token<'identifier'>;
  readonly headers: readonly {
    readonly name: string;
    /** Holds the value for an allowed origin, and what the backend says for any other. */
    readonly variable: Token<'identifier'>;
    readonly value: Token;
    readonly upstream: Token<'identifier'>;
  }[];
}

function policyOf(patterns: readonly Token<'regex'>[], given: readonly CorsHeader[]): Policy {
  const hash = hashOf([patterns, given]);
  const origin = identifier(`cors_origin_${hash}`);
  const headers = [{ name: 'Access-Control-Allow-Origin', value: expression`$${origin}` }, ...given];
  return {
    patterns,
    origin,
    preflight: identifier(`cors_preflight_${hash}`),
    headers: headers.map(({ name, value }) => {
      const underscored = name.toLowerCase().replaceAll('-', '_');
      const short = underscored.replace('access_control_', '');
      return {
        name,
        value,
        variable: identifier(`cors_${short}_${hash}`),
        upstream: identifier(`upstream_http_${underscored}`),
      };
    }),
  };
}

function answered(name: string, value: Token): ResponseHeader {
  return { name: headerName(name), value, always: true, replace: true };
}

function list(word: string, otherwise: string, description: string): AnnotationSpec<Token<'text'>> {
  const isList = whole(`${word}(?:[, ]+${word})*,?`);
  function parse(text: string): Parsed<Token<'text'>> {
    const line = text.replaceAll(/\s+/gu, ' ').trim();
    return isList(line) && line.length <= 4000
      ? { value: token('text', line) }
      : { error: `${shown(text)} is not allowed: write words separated by commas` };
  }
  return annotation<Token<'text'>>({
    ...described(parse, {
      name: 'list of words',
      allowed: 'words separated by commas',
      shape: pattern(`${word}(?:(?:,|\\s)+${word})*,?`),
      samples: ['GET', 'GET, POST'],
    }),
    default: token('text', otherwise),
    risk: 'Medium',
    scope: 'ingress',
    description,
  });
}
