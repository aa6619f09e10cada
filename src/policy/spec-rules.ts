import { reservedPrefix } from '../plugins/additions.ts';
import { celShown, celText } from './cel.ts';
import type { PolicyRule } from './objects.ts';

/** Characters that no value may hold (`src/model/token.ts`). */
const control = '[\\x00-\\x1f\\x7f-\\x{9f}\\x{2028}\\x{2029}]';

/** The most that an Ingress may hold of each (`src/cluster/ingest-ingress.ts`). */
const mostItems = 2000;

const rules = 'object.spec.?rules.orValue([])';
const pathText = 'p.?path.orValue("")';

/** A rule about paths: `condition` is a CEL expression about the path `p` of a rule. */
function pathRule(variable: string, condition: string, message: string): PolicyRule {
  const bad = `${rules}.filter(r, has(r.http) && r.http.paths.exists(p, ${condition}))`;
  const first = `b.http.paths.filter(p, ${condition}).map(p, ${celShown(pathText)})[0]`;
  return {
    variable,
    bad,
    message: `spec.rules: a path ${message}`,
    told: `"spec.rules: the path " + ${first} + ${celText(` ${message}`)}`,
  };
}

/** A rule that `isBad`, a CEL expression, is never true. */
function plainRule(variable: string, isBad: string, message: string): PolicyRule {
  return { variable, bad: `[true].filter(b, ${isBad})`, message, told: celText(message) };
}

function countRule(variable: string, isBad: string, field: string): PolicyRule {
  const message = `${field} has more than ${mostItems} items: spread them over several objects; the Ingress would be refused`;
  return plainRule(variable, isBad, message);
}

/** What the gateway refuses of rules and paths; what the API server refuses by itself is left to it. */
export const specRules: readonly PolicyRule[] = [
  pathRule(
    'path_control',
    `${pathText}.matches(${celText(control)})`,
    'has a control character: remove it; the path would be left out',
  ),
  pathRule(
    'path_length',
    `size(${pathText}) > 4096`,
    'is longer than 4096 characters: shorten it; the path would be left out',
  ),
  pathRule(
    'path_reserved',
    `(${pathText} + "/").startsWith(${celText(reservedPrefix)})`,
    `is reserved for the gateway (${reservedPrefix}): choose another; the path would be left out`,
  ),
  pathRule(
    'path_resource',
    'has(p.backend.resource)',
    'has a resource backend, which is never served: use a service; the path would be left out',
  ),
  plainRule(
    'default_resource',
    `has(object.spec.defaultBackend) && has(object.spec.defaultBackend.resource) && ${rules}.size() == 0`,
    'spec.defaultBackend.resource: resource backends are never served: use a service; the Ingress would be refused',
  ),
  countRule('rules', `${rules}.size() > ${mostItems}`, 'spec.rules'),
  countRule(
    'paths',
    `${rules}.exists(r, has(r.http) && r.http.paths.size() > ${mostItems})`,
    'spec.rules[*].http.paths',
  ),
  countRule('tls', `object.spec.?tls.orValue([]).size() > ${mostItems}`, 'spec.tls'),
  countRule(
    'tls_hosts',
    `object.spec.?tls.orValue([]).exists(t, t.?hosts.orValue([]).size() > ${mostItems})`,
    'spec.tls[*].hosts',
  ),
];
