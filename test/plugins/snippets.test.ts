import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import type { HttpAnswer } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

type Data = Readonly<Record<string, string>>;

const on: Data = { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' };

function options(data: Data): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'options', namespace: 'default' }, data };
}

function location(snippet: string, more: Data = {}): Data {
  return { ...more, 'configuration-snippet': snippet };
}

for (const binary of nginxBinaries()) {
  describe(`snippets of Ingresses on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let app: Backend;
    let auth: Backend;
    let served: Served;

    async function ask(name: string, path = '/', headers: Data = {}, method = 'GET'): Promise<HttpAnswer> {
      return await served.request({ host: `${name}.example.com`, path, headers, method });
    }

    before(async () => {
      app = await startBackend(suite, 'app', (_request, response) => {
        response.writeHead(200, { 'x-backend': 'app', 'x-hidden': 'secret', 'x-replaced': 'app' });
        response.end('app');
      });
      auth = await startBackend(suite, 'auth', (request, response) => {
        response.writeHead(request.headers['x-extra'] === 'yes' ? 200 : 401, { 'x-user': 'ann' });
        response.end();
      });
      served = await serve(
        suite,
        binary,
        [
          annotated(
            'headers',
            location(`
              # A comment with { and "
              add_header X-Added "a $host";
              add_header X-Always b always;
              more_set_headers "X-Replaced: ours" 'X-Second: $request_method';
              more_clear_headers X-Hidden;
              more_set_headers -s 404 "X-Some: x";
              proxy_set_header X-To-Backend "v $http_x_client";
              more_set_input_headers "X-Input: w";
              proxy_set_header Connection "upgrade";
              proxy_set_header Host other.example.com;
            `),
          ),
          annotated('returns', location('if ($arg_stop) {\n  return 418;\n}')),
          annotated(
            'variables',
            location(
              'set $mine "$namespace/$ingress_name/$service_name:$service_port";\nadd_header X-Mine $mine;',
            ),
          ),
          annotated(
            'preflight',
            location('if ($request_method = OPTIONS) { more_set_headers "X-If: yes"; return 204; }'),
          ),
          annotated('lists', location('allow 127.0.0.1;', { 'denylist-source-range': '127.0.0.1' })),
          annotated('lists-all', location('allow all;', { 'allowlist-source-range': '10.0.0.0/8' })),
          annotated('denied', location('deny all;')),
          annotated('rewritten', location('rewrite ^/old(.*)$ /new$1;', {})),
          annotated('early', location('return 200 early;', { 'auth-url': 'http://auth.default.svc/' })),
          annotated('asked', {
            'auth-url': 'http://auth.default.svc/',
            'auth-snippet': 'proxy_set_header X-Extra yes;',
          }),
          annotated('asked-plain', { 'auth-url': 'http://auth.default.svc/' }),
          annotated('asked-bad', { 'auth-url': 'http://auth.default.svc/', 'auth-snippet': 'return 200;' }),
          annotated('server', {
            'server-snippet':
              'add_header X-Server s;\nlocation = /robots.txt {\n  add_header X-Inner i;\n  return 200 "none $host";\n}\nif ($arg_stop) { return 410; }',
          }),
          // As the chart of nextcloud has it.
          annotated('nextcloud', {
            'server-snippet': `server_tokens off;
              proxy_hide_header X-Powered-By;
              rewrite ^/.well-known/webfinger /index.php/.well-known/webfinger last;
              rewrite ^/.well-known/host-meta /public.php?service=host-meta last;
              rewrite ^/.well-known/host-meta.json /public.php?service=host-meta-json;
              location = /.well-known/carddav { return 301 $scheme://$host/remote.php/dav; }
              location = /robots.txt { allow all; log_not_found off; access_log off; }
              location ~ ^/(?:build|tests|config|lib|3rdparty|templates|data)/ { deny all; }
              location ~ ^/(?:autotest|occ|issue|indie|db_|console) { deny all; }`,
          }),
          annotated('opened', {
            'denylist-source-range': '127.0.0.1',
            'server-snippet': 'allow all;\nlocation /x { allow all; }',
          }),
          ingress('beside', {
            host: 'server.example.com',
            paths: [{ path: '/beside', service: 'app' }],
            annotations: { 'nginx.ingress.kubernetes.io/server-snippet': 'return 500;' },
          }),
          annotated('lua', location('add_header X 1;\ncontent_by_lua_block { ngx.say(1) }')),
          annotated('break-out', location('add_header X 1; } location /evil { return 200; ')),
          annotated('unclosed', location('if ($a) {\n  return 403;')),
          annotated('passing', location('proxy_pass http://10.0.0.1;')),
          annotated('including', location('include /etc/passwd;')),
          annotated('taking', location('set $external_host evil.example;')),
          annotated('grouping', location('if ($uri ~ "^/(?<error_page_host>.*)") { return 403; }')),
          annotated('aliasing', { 'server-snippet': 'location /x { alias /etc/; }' }),
          annotated('folded', location('add_header X "a\n b";')),
          options(on),
          ...serviceOn('app', [app.port]),
          ...serviceOn('auth', [auth.port]),
        ],
        { optionsConfigMap: 'default/options' },
      );
    });

    it('set headers without losing those of others', async () => {
      const answer = await ask('headers', '/', { 'x-client': 'c', 'x-forwarded-for': '1.2.3.4' });

      assert.equal(answer.headers['x-added'], 'a headers.example.com');
      assert.equal(answer.headers['x-always'], 'b');
      assert.equal(answer.headers['x-replaced'], 'ours');
      assert.equal(answer.headers['x-second'], 'GET');
      assert.equal(answer.headers['x-hidden'], undefined);
      assert.equal(answer.headers['x-backend'], 'app');
      const seen = app.seen.at(-1)?.headers;
      assert.equal(seen?.['x-to-backend'], 'v c');
      assert.equal(seen['x-input'], 'w');
      assert.equal(seen.host, 'other.example.com');
      assert.match(served.ingress('headers').reasons.join('\n'), /Connection holds for one connection/u);
      assert.equal(seen['x-forwarded-for'], '127.0.0.1');
      assert.match(
        served.ingress('headers').reasons.join('\n'),
        /line 7: "more_set_headers" is left out: its option -s/u,
      );
    });

    it('change requests and answer some', async () => {
      assert.equal((await ask('returns', '/?stop=1')).status, 418);
      assert.equal((await ask('returns')).status, 200);
      assert.equal((await ask('rewritten', '/old/a')).status, 200);
      assert.equal(app.seen.at(-1)?.url, '/new/a');
      assert.equal(served.ingress('returns').state, 'served');
    });

    it('have the variables of ingress-nginx', async () => {
      assert.equal((await ask('variables')).headers['x-mine'], 'default/variables/app:80');
    });

    it('keep HSTS where a block has headers of its own, and say what is lost there', async () => {
      const answer = await ask('preflight', '/', {}, 'OPTIONS');
      assert.deepEqual([answer.status, answer.headers['x-if']], [204, 'yes']);
      assert.match(
        served.text,
        /if \(\$request_method = OPTIONS\) \{\n +add_header Strict-Transport-Security/u,
      );
      assert.match(served.ingress('preflight').reasons.join('\n'), /line 1: answers of the block "if"/u);
    });

    it('never open what a list of the Ingress keeps out', async () => {
      assert.equal((await ask('lists')).status, 403);
      assert.equal((await ask('lists-all')).status, 403);
      assert.equal((await ask('denied')).status, 403);
    });

    it('add to the question that an authentication service is asked, and never answer it', async () => {
      assert.equal((await ask('asked-plain')).status, 401);
      assert.equal((await ask('asked')).status, 200);
      assert.equal((await ask('asked-bad')).status, 503);
      assert.match(
        served.ingress('asked-bad').reasons.join('\n'),
        /auth-snippet"\]: line 1: "return" is not among/u,
      );
    });

    it('add to the server of a host, of the oldest Ingress', async () => {
      const robots = await ask('server', '/robots.txt');
      assert.deepEqual([robots.status, robots.body], [200, 'none server.example.com']);
      assert.equal(robots.headers['x-inner'], 'i');
      assert.equal((await ask('server')).headers['x-server'], 's');
      assert.equal((await ask('server', '/beside')).headers['x-server'], 's');
      assert.equal((await ask('server', '/?stop=1')).status, 410);
      const both = [...served.ingress('beside').reasons, ...served.ingress('server').reasons];
      assert.match(both.join('\n'), /has no effect on server\.example\.com: that of Ingress\/default\//u);
    });

    it('have lists for locations of their own, and none that opens a route', async () => {
      assert.equal(served.ingress('nextcloud').state, 'served');
      assert.equal((await ask('nextcloud')).status, 200);
      assert.equal((await ask('nextcloud', '/robots.txt')).status, 404);
      assert.equal((await ask('nextcloud', '/config/x')).status, 403);
      assert.equal((await ask('nextcloud', '/.well-known/carddav')).status, 301);
      assert.equal((await ask('opened', '/x')).status, 503);
      assert.match(served.ingress('opened').reasons.join('\n'), /line 1: "allow" is not among/u);
    });

    const refusals: readonly [string, RegExp][] = [
      ['lua', /line 2: "content_by_lua_block"/u],
      ['break-out', /line 1 is no nginx configuration: unexpected "\}"/u],
      ['unclosed', /line 1 is no nginx configuration: unexpected end of file/u],
      ['passing', /line 1: "proxy_pass" is not among the directives/u],
      ['including', /line 1: "include"/u],
      ['taking', /line 1: "set" sets \$external_host, which belongs to the gateway/u],
      ['grouping', /line 1: "if" sets \$error_page_host/u],
      ['aliasing', /line 1: "alias"/u],
      ['folded', /line 1 has a word that goes over the end of a line/u],
    ];
    for (const [name, reason] of refusals) {
      it(`are refused with their line: ${name}`, async () => {
        const { state, reasons } = served.ingress(name);

        assert.equal(state, 'rejected');
        assert.match(reasons.join('\n'), reason);
        assert.equal((await ask(name)).status, 503);
      });
    }
  });

  describe(`snippets that are not allowed: nginx ${binary.version}`, () => {
    const harmless = annotated('harmless', location('add_header X-Added a;'));
    const closing = annotated('closing', location('deny all;'));
    const gates: readonly [string, Data, readonly [string, string], RegExp][] = [
      ['by default', {}, ['rejected', 'rejected'], /is of risk Critical/u],
      [
        'by the risk level',
        { 'allow-snippet-annotations': 'true' },
        ['rejected', 'rejected'],
        /is of risk Critical/u,
      ],
      [
        'by the switch',
        { 'annotations-risk-level': 'Critical' },
        ['served-with-difference', 'rejected'],
        /switched off/u,
      ],
    ];
    for (const [name, data, states, reason] of gates) {
      it(name, async (t) => {
        const app = await startBackend(t, 'app');
        const objects = [harmless, closing, options(data), ...serviceOn('app', [app.port])];

        const served = await serve(t, binary, objects, { optionsConfigMap: 'default/options' });

        for (const [index, each] of ['harmless', 'closing'].entries()) {
          const answer = await served.request({ host: `${each}.example.com` });
          assert.equal(served.ingress(each).state, states[index]);
          assert.equal(answer.status, states[index] === 'rejected' ? 503 : 200);
          assert.equal(answer.headers['x-added'], undefined);
          assert.match(served.ingress(each).reasons.join('\n'), reason);
        }
      });
    }
  });
}
