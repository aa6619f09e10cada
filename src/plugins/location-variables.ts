import {
  alternativeVariable,
  locationVariables,
  logVariables,
  type LocationVariable,
} from '../model/location-variables.ts';
import type { Addition } from '../model/model.ts';
import { variableNames } from '../model/nginx-text.ts';
import { parseObjectKey } from '../model/object-ref.ts';
import { refused, type Token } from '../model/token.ts';
import { expression, identifier, parseText } from '../model/words.ts';
import type { Options } from '../options/options.ts';
import type { Settings } from './additions.ts';
import { definePlugin, type RouteContext } from './plugin.ts';

/** Whose texts may have such variables. */
const users = ['upstream-vhost', 'rewrite', 'external-auth', 'proxy-ssl'];

/** Names ConfigMaps whose texts may have them: these are not read here. */
const configMaps = ['auth-proxy-set-headers'];

/**
 * Sets the variables that ingress-nginx has beside those of nginx: constants of each location, printed where some text
 * of the Ingress has one of them. Before all others, which use them.
 */
export const locationVariablesPlugin = definePlugin({
  name: 'location-variables',
  order: 5,
  annotations: {},
  route(route) {
    const texts = [...users.map((name) => route.settingsOf(name)), globalTexts(route.options)];
    const used = new Set([
      ...texts.flatMap((settings) => [...variablesIn(settings)]),
      ...namesInLog(route.options),
    ]);
    const variables = locationVariables.filter((name) => used.has(name));
    return variables.length === 0
      ? {}
      : {
          location: {
            variables: variables.map((name) => ({ name: identifier(name), value: valueOf(name, route) })),
          },
        };
  },
});

/** The value of one for a route; what the rule does not say is empty. */
export function valueOf(variable: LocationVariable, { object, backend, path }: RouteContext): Token {
  const { namespace, name } = parseObjectKey(object) ?? { namespace: '', name: '' };
  const { service, port } = backend ?? { service: '', port: '' };
  switch (variable) {
    case 'namespace':
      return plain(namespace);
    case 'ingress_name':
      return plain(name);
    case 'service_name':
      return plain(service);
    case 'service_port':
      return plain(port);
    case 'location_path':
      return path;
    case 'proxy_upstream_name':
      return plain(service === '' ? '' : `${namespace}-${service}-${port}`);
    default:
      return variable satisfies never;
  }
}

function plain(text: string): Token {
  const parsed = parseText(text);
  return refused(parsed) ? expression`` : parsed.value;
}

/** By options: those of the check that all Ingresses have. */
const globals = new WeakMap<Options, Settings>();

function globalTexts(options: Options): Settings {
  const found = globals.get(options) ?? {
    url: options['global-auth-url'],
    page: options['global-auth-signin'],
    key: options['global-auth-cache-key'],
  };
  globals.set(options, found);
  return found;
}

const inLogs = new WeakMap<Options, readonly string[]>();

/** The variables of ingress-nginx that the log of requests has. */
export function namesInLog(options: Options): readonly string[] {
  let found = inLogs.get(options);
  if (found === undefined) {
    found = variableNames(options['log-format-upstream'].text).filter((name) => logVariables.has(name));
    inLogs.set(options, found);
  }
  return found;
}

/** Has a route tell its log which canary a request went to, by the variable of its split that holds it. */
export function alternativeInLog(options: Options, split: Token<'identifier'>): Addition[] {
  const name = identifier(alternativeVariable);
  const value = expression`$${identifier(`${split.text}_alternative`)}`;
  return namesInLog(options).includes(alternativeVariable)
    ? [{ plugin: 'location-variables', settings: { variables: [{ name, value }] } }]
    : [];
}

/** Ingresses without annotations share their settings. */
const known = new WeakMap<Settings, ReadonlySet<string>>();

function variablesIn(settings: Settings): ReadonlySet<string> {
  let found = known.get(settings);
  if (found === undefined) {
    const isOpen = configMaps.some((name) => typeof settings[name] === 'string');
    found = new Set(isOpen ? locationVariables : namesIn(settings));
    known.set(settings, found);
  }
  return found;
}

/** The names of variables of request texts, wherever they stand. */
function namesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  const { variable } = value as { readonly variable?: unknown };
  return typeof variable === 'string' ? [variable] : Object.values(value).flatMap(namesIn);
}
