import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { load } from 'js-yaml';
import { isGatewayError } from '../../src/errors.ts';
import { findInstallation } from '../../src/installation.ts';
import { capabilityPresets } from '../../src/nginx/capabilities.ts';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import { parseTemplate, type TemplateSource } from '../../src/render/template-check.ts';
import { readTemplates, withOverrides } from '../../src/render/template-files.ts';
import { compileTemplates } from '../../src/render/templates.ts';
import type { TranslateSettings } from '../../src/translate/settings.ts';
import { Pipeline } from '../../src/worker/pipeline.ts';
import { TemplateProof } from '../../src/worker/template-proof.ts';
import { annotated } from '../support/annotated.ts';
import { goldenCertificate, goldenNow, settingsFor, snapshotOf } from '../support/golden.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { snapshotOfObjects } from '../support/served.ts';

const testdata = path.join(import.meta.dirname, '../testdata');
const features = (await readdir(testdata, { withFileTypes: true })).filter(
  (entry) => entry.isDirectory() && !entry.name.startsWith('nginx-'),
);
const builtin = await readTemplates(findInstallation().templates);
const service = 'http://auth.default.svc.cluster.local/';

function pipelineOf(
  sources: readonly TemplateSource[],
  settings: TranslateSettings,
  version: '1.22' | '1.30',
) {
  const plugins = builtinPlugins();
  return new Pipeline({
    settings,
    capabilities: capabilityPresets[version],
    defaultCertificate: { pem: goldenCertificate },
    plugins,
    templates: compileTemplates(sources),
    proof: new TemplateProof(sources, plugins),
  });
}

function textOf(name: string): string {
  const source = builtin.find((each) => each.name === name);
  assert.ok(source !== undefined, `there is no template ${name}`);
  return source.text;
}

/** The built-in text with something in another's place. */
function changed(name: string, from: string | RegExp, to: string): string {
  const text = textOf(name);
  const next = text.replace(from, to);
  assert.notEqual(next, text, `${name} has no ${String(from)}`);
  return next;
}

const objects = [
  annotated('shared', { 'auth-type': 'basic', 'auth-secret': 'users' }, 'app', {
    paths: [
      { path: '/a', service: 'app' },
      { path: '/b', service: 'app' },
    ],
  }),
  annotated('range', { 'allowlist-source-range': '10.0.0.0/8' }),
  annotated('limits', { 'limit-rps': '1', 'limit-connections': '1', 'limit-rate': '1' }),
  annotated('asked', { 'auth-url': service, 'auth-response-headers': 'X-User' }),
  annotated('regex', { 'rewrite-target': '/$1' }, 'app', { paths: [{ path: '/x(.*)', service: 'app' }] }),
  annotated('grpc', { 'backend-protocol': 'GRPC', 'enable-cors': 'true' }),
  annotated('fcgi', { 'backend-protocol': 'FCGI' }),
  ingress('any', { paths: [{ path: '/any', pathType: 'Exact', service: 'app' }] }),
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'users', namespace: 'default' },
    stringData: { auth: 'a:{PLAIN}a' },
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'options', namespace: 'default' },
    data: { 'block-cidrs': '192.0.2.1', 'use-forwarded-headers': 'true' },
  },
  ...serviceOn('app', [8080]),
  ...serviceOn('auth', [8081]),
];

/** Builds the objects with templates of an operator. */
function build(templates: Readonly<Record<string, string>>): void {
  const own = Object.entries(templates).map(([name, text]) => ({ name, from: `own/${name}.hbs`, text }));
  const sources = withOverrides(builtin, [{ templates: own }]);
  const settings = settingsFor('/state', { optionsConfigMap: 'default/options' });
  const pipeline = pipelineOf(sources, settings, '1.30');
  pipeline.build(snapshotOfObjects(objects), new Map(), goldenNow);
}

function isRefused(templates: Readonly<Record<string, string>>, file: string, reason: RegExp): void {
  assert.throws(
    () => build(templates),
    (error) => {
      assert.ok(isGatewayError(error, 'CNG_TEMPLATE_BROKEN'), String(error));
      assert.equal(error.fields['template'], `own/${file}.hbs`);
      assert.match(String(error.fields['reason']), reason);
      return true;
    },
  );
}

const headers = textOf('location-headers');

/** What an operator writes, which template is refused, and why. */
const cases: readonly [string, Readonly<Record<string, string>>, string, RegExp][] = [
  ['a blank template', { server: '\n' }, 'server', /it is blank/u],
  ['a template of comments', { location: '{{!-- later --}}\n{{! x }}' }, 'location', /it is blank/u],
  ['no servers', { server: '# none\n' }, 'server', /the server of _ is missing/u],
  [
    'no servers at all',
    { 'nginx.conf': changed('nginx.conf', '{{> server}}', '') },
    'nginx.conf',
    /the server of _ is missing/u,
  ],
  [
    'a server without its port for HTTPS',
    { server: changed('server', '{{#if ssl}} ssl{{/if}}', '') },
    'server',
    /has no listen 443 ssl/u,
  ],
  [
    'a server of one name',
    { server: changed('server', /server_name\{\{#each[^\n]*/u, 'server_name x.y;') },
    'server',
    /is missing/u,
  ],
  [
    'a server without locations',
    { server: changed('server', '{{> location}}', '') },
    'server',
    /location .* is missing/u,
  ],
  [
    'a server without internal ones',
    { server: changed('server', '{{> internal-location}}', '') },
    'server',
    /location \/_cng\/external-auth-.* is missing/u,
  ],
  [
    'a server without its certificate',
    { server: changed('server', /ssl_certificate \S+ \S+;/u, '') },
    'server',
    /has no ssl_certificate/u,
  ],
  [
    'a server without what is blocked',
    { server: changed('server', 'if ($blocked)', 'if ($http_x)') },
    'server',
    /has no if \(\$blocked\)/u,
  ],
  [
    'a server without shared headers',
    { server: changed('server', '{{> server-headers headers}}', '') },
    'server',
    /has no proxy_set_header of .*Authorization/u,
  ],
  [
    'a server with a header of its own',
    { server: changed('server', '{{#each sharedHeaders}}', 'add_header X-Y z;\n{{#each sharedHeaders}}') },
    'server',
    /has no add_header of Strict-Transport-Security/u,
  ],
  [
    'regexes as prefixes',
    { location: changed('location', '~* {{regex match.regex}}', '{{regex match.regex}}') },
    'location',
    /location ~\* \^\/x.* is missing/u,
  ],
  [
    'a location without slots',
    { location: changed('location', '{{> location-slots slots}}', '') },
    'location',
    /has no auth_request, which external-auth is for/u,
  ],
  [
    'a location with a header of its own',
    {
      location: changed(
        'location',
        '{{> location-slots slots}}',
        '{{> location-slots slots}}\n            proxy_set_header X-Own 1;',
      ),
    },
    'location',
    /has no proxy_set_header of Host, .*X-Forwarded-For/u,
  ],
  [
    'no login',
    { 'plugins/basic-auth/location': '# nothing\n' },
    'plugins/basic-auth/location',
    /has no auth_basic/u,
  ],
  [
    'a login that is off',
    { 'plugins/basic-auth/location': changed('plugins/basic-auth/location', '{{realm}}', 'off') },
    'plugins/basic-auth/location',
    /has no auth_basic/u,
  ],
  [
    'no list',
    { 'plugins/source-range/location': '# nothing\n' },
    'plugins/source-range/location',
    /has no allow, deny/u,
  ],
  [
    'no limits',
    { 'plugins/rate-limit/location': '# nothing\n' },
    'plugins/rate-limit/location',
    /has no limit_req, limit_conn, limit_rate/u,
  ],
  [
    'no question',
    { 'plugins/external-auth/location': '# nothing\n' },
    'plugins/external-auth/location',
    /has no auth_request/u,
  ],
  [
    'questions of anybody',
    { 'internal-location': changed('internal-location', 'internal;', '') },
    'internal-location',
    /has no "internal"/u,
  ],
  ['no headers', { 'location-headers': '# none\n' }, 'location-headers', /has no /u],
  [
    'no headers of gRPC',
    {
      'location-headers': headers
        .replace(/\{\{#each grpcRequest\}\}[^]*?\{\{\/each\}\}\n/u, '')
        .replace(
          /\{\{#each response\}\}[^]*?\{\{\/each\}\}\n/u,
          '{{#each response}}\n add_header {{literal name}} {{value value}};\n grpc_set_header A b;\n{{/each}}\n',
        ),
    },
    'location-headers',
    /grpc_set_header of Host/u,
  ],
  [
    'no headers of http',
    { 'proxy-headers': '# none\n' },
    'proxy-headers',
    /has no proxy_set_header of Host/u,
  ],
  [
    'addresses of proxies',
    { 'proxies-in-front': changed('proxies-in-front', /real_ip_header \{\{literal addressHeader\}\};/u, '') },
    'proxies-in-front',
    /has no real_ip_header/u,
  ],
];

describe('the proof of templates of an operator', () => {
  it('takes the built-in ones for good, as they are and with comments', () => {
    build({});
    build({ server: `{{! contract: 1 }}\n# mine\n${textOf('server')}`, location: textOf('location') });
  });

  for (const [what, templates, file, reason] of cases) {
    it(`refuses ${what}`, () => {
      isRefused(templates, file, reason);
    });
  }

  it('proves what is new with each build', () => {
    const own = [{ name: 'plugins/basic-auth/location', from: 'own', text: '# nothing\n' }];
    const sources = withOverrides(builtin, [{ templates: own }]);
    const pipeline = pipelineOf(sources, settingsFor('/state'), '1.30');
    const plain = objects.filter((each) => !JSON.stringify(each).includes('auth-secret'));

    pipeline.build(snapshotOfObjects(plain), new Map(), goldenNow);

    assert.throws(() => pipeline.build(snapshotOfObjects(objects), new Map(), goldenNow), /auth_basic/u);
    assert.throws(() => pipeline.build(snapshotOfObjects(objects), new Map(), goldenNow), /auth_basic/u);
    pipeline.build(snapshotOfObjects(plain), new Map(), goldenNow);
  });

  for (const { name } of features) {
    it(`finds nothing missing in what the built-in templates print: ${name}`, async () => {
      const folder = path.join(testdata, name);
      const text = await readFile(path.join(folder, 'settings.yaml'), 'utf8').catch(() => '');
      const more = text === '' ? {} : (load(text) as Partial<TranslateSettings>);
      const snapshot = await snapshotOf(path.join(folder, 'in.yaml'));
      const own = builtin.map((source) => ({ ...source, isOwn: true }));
      for (const version of ['1.22', '1.30'] as const) {
        pipelineOf(own, settingsFor('/state', more), version).build(snapshot, new Map(), goldenNow);
      }
    });
  }
});

describe('braces of templates of an operator', () => {
  const texts: readonly [string, number | null][] = [
    ...builtin.map(({ text }): [string, null] => [text, null]),
    ['a {\n  b;\n', 1],
    ['a;\n}\n', 2],
    ['{{#if names}}\na {\n{{/if}}\nb;\n}', 2],
    ['{{#if names}}a { {{else}}b { {{/if}} }', 1],
    ['{{#each names}}\n}\n{{/each}}', 2],
    ['# {\na "}" \'{\' \\{ x{{exact}} ${{exact}} ${y};\nb "~^[0-9]{1,5}$" c{ d; }', null],
  ];
  for (const [text, line] of texts) {
    it(`${line === null ? 'are balanced' : `are not in line ${line}`}: ${JSON.stringify(text.slice(0, 40))}`, () => {
      const source = { name: 'server', from: 'own', text, isOwn: true };
      const names = new Set(builtin.map(({ name }) => name));
      let found: unknown = null;
      try {
        parseTemplate(source, names);
      } catch (error) {
        found = error;
      }
      if (line === null) {
        assert.doesNotMatch(String(found), /"[{}]"/u);
      } else {
        assert.ok(isGatewayError(found, 'CNG_TEMPLATE_BROKEN'));
        assert.equal(found.fields['line'], line);
        assert.match(String(found.fields['reason']), /"[{}]"/u);
      }
    });
  }
});
