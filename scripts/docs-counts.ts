// The count in docs/compatibility.md: the annotations and options of ingress-nginx by what became of them.
import { allKeys } from '../src/config/sections.ts';
import { notSupported } from '../src/options/not-supported.ts';
import { optionTable } from '../src/options/options.ts';
import { builtinPlugins } from '../src/plugins/builtin.ts';
import { ingressNginxAnnotations, ingressNginxOptions } from './ingress-nginx-names.ts';

/** By the rule that stands above the count in docs/compatibility.md. */
type Became = 'same' | 'difference' | 'not';

/** One row of a table of ingress-nginx. */
export interface CountedRow {
  readonly name: string;
  readonly became: Became;
  /** What differs, or why there is nothing; empty where it is the same. */
  readonly why: string;
}

/** Those whose good values do something else here. */
const differingAnnotations: Readonly<Record<string, string>> = {
  'auth-type': 'digest closes the routes: nginx has no module for it',
  'auth-keepalive': 'connections to Services are kept without it, others are not',
  'auth-keepalive-requests': 'has no effect',
  'auth-keepalive-timeout': 'has no effect',
  'custom-http-errors': '401 and 403 keep their status; without a default backend errors stay as they are',
  'load-balance': 'ewma is random two least_conn',
  'server-snippet': 'directives of a list, after the locations',
  'configuration-snippet': 'directives of a list',
  'stream-snippet': 'directives of a list',
  'affinity-mode':
    'persistent takes nginx 1.29.6; its cookie is for /, and Secure only where session-cookie-secure says so',
  'upstream-hash-by-subset': 'hashes over all endpoints',
  'upstream-hash-by-subset-size': 'hashes over all endpoints',
};

/** Those that do nothing here and did nothing in ingress-nginx. */
const deadAnnotations: ReadonlySet<string> = new Set([
  'http2-push-preload',
  'secure-verify-ca-secret',
  'enable-influxdb',
]);

const differingOptions: Readonly<Record<string, string>> = {
  'add-headers': 'headers of nginx itself are not replaced',
  'custom-http-errors': '401 and 403 keep their status; not for answers of the default backend itself',
  'location-snippet': 'before the snippets of Ingresses, not after them',
  'server-tokens': 'false leaves the header Server: nginx',
  'strict-validate-path-type': 'there is no admission webhook; paths are parsed',
  'use-forwarded-headers': 'beside use-proxy-protocol the PROXY address holds, also of trusted proxies',
};

/** Options that do nothing here, and whose absence changes nothing. */
const needlessOptions: ReadonlySet<string> = new Set([
  'annotation-value-word-blocklist',
  'enable-serial-reloads',
  'forwarded-for-proxy-protocol-header',
  'http2-max-field-size',
  'http2-max-header-size',
  'http2-max-requests',
  'lua-shared-dicts',
  'proxy-ssl-location-only',
]);

const registry = builtinPlugins();

/** Every row of the table of annotations; throws where one is not recognised, so that it cannot be forgotten. */
export function countAnnotations(): CountedRow[] {
  return ingressNginxAnnotations.map((names) => {
    const [name = ''] = names;
    if (name.includes('/')) {
      return unprefixed(name);
    }
    const found = names.map((each) => registry.specOf(each));
    if (found.includes(null)) {
      throw new Error(`the annotation ${names.join(' or ')} is in no plugin: add it, or a row of not-yet`);
    }
    if (found.some((spec) => spec?.plugin.name === 'not-yet') && !deadAnnotations.has(name)) {
      return { name, became: 'not', why: 'not supported yet' };
    }
    return judged(name, differingAnnotations[name]);
  });
}

/** The class is no plugin's, and zone hints are a key of the config file. */
function unprefixed(name: string): CountedRow {
  if (name === 'kubernetes.io/ingress.class') {
    return judged(name, undefined);
  }
  const key = allKeys.find(({ dotted }) => dotted === 'kubernetes.enable_topology_aware_routing');
  return key?.definition.notYet === true
    ? { name, became: 'not', why: 'not supported yet' }
    : judged(name, undefined);
}

/** Every option that has an effect in ingress-nginx. */
export function countOptions(): CountedRow[] {
  return ingressNginxOptions.map((name) => {
    const why = notSupported.get(name);
    if (!optionTable.has(name) && why === undefined) {
      throw new Error(`the option ${name} is in no table: add it to src/options`);
    }
    const isThere =
      optionTable.has(name) || needlessOptions.has(name) || Object.hasOwn(differingOptions, name);
    return isThere
      ? judged(name, differingOptions[name])
      : { name, became: 'not', why: (why ?? '').replace(/; remove it$/u, '') };
  });
}

function judged(name: string, why: string | undefined): CountedRow {
  return { name, became: why === undefined ? 'same' : 'difference', why: why ?? '' };
}

/** The part of docs/compatibility.md. Names stand without backticks: those would be read as departures. */
export function countSection(): string {
  const tables = [
    { title: 'annotations', rows: countAnnotations() },
    { title: 'options', rows: countOptions() },
  ];
  const totals = tables.map(({ title, rows }) => {
    const same = of(rows, 'same').length;
    const share = `${Math.floor((same / rows.length) * 1000) / 10} %`;
    return `| ${title} | ${rows.length} | ${rows.length} | ${same} (${share}) | ${of(rows, 'difference').length} | ${of(rows, 'not').length} |`;
  });
  return [
    `| | of ingress-nginx | recognised | the same | with a difference | not |\n| --- | --- | --- | --- | --- | --- |\n${totals.join('\n')}`,
    ...tables.flatMap(({ title, rows }) => [
      `With a difference, ${title}:`,
      list(of(rows, 'difference')),
      `Not, ${title}:`,
      list(of(rows, 'not')),
    ]),
  ].join('\n\n');
}

function of(rows: readonly CountedRow[], became: Became): CountedRow[] {
  return rows.filter((row) => row.became === became);
}

function list(rows: readonly CountedRow[]): string {
  if (rows.length === 0) {
    return 'none.';
  }
  const lines = rows.map(({ name, why }) => `| ${name} | ${why} |`);
  return `| name | what |\n| --- | --- |\n${lines.join('\n')}`;
}
