import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { refused } from '../../src/model/token.ts';
import { parseSecRules } from '../../src/model/sec-rules.ts';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { nginxWithModules } from '../support/nginx-modules.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

const rule = `SecRuleEngine On
# A comment.
SecRule ARGS:q "@rx ^(?:drop|it's \\"bad\\")$" \\
    "id:1,phase:1,deny,status:403,msg:'No, not this',chain"
SecRule REQUEST_METHOD "@streq GET"`;

const gates = { 'annotations-risk-level': 'Critical', 'allow-snippet-annotations': 'true' };

function optionsOf(data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'options', namespace: 'gateway' }, data };
}

const settings = { optionsConfigMap: 'gateway/options' };
const on = { 'enable-modsecurity': 'true', 'modsecurity-snippet': rule };

const binary = nginxWithModules();

describe(
  'ModSecurity on an nginx that has it',
  { skip: binary === null && 'scripts/setup-nginx.sh modules' },
  () => {
    const suite = endedWithSuite();
    let some: Served;
    let all: Served;

    before(async () => {
      assert.ok(binary !== null);
      const app = await startBackend(suite, 'app');
      const objects = [
        annotated('plain', {}),
        annotated('on', { ...on, 'modsecurity-transaction-id': 'shop-$request_id' }),
        annotated('files', { 'enable-modsecurity': 'true' }),
        annotated('off', { 'enable-modsecurity': 'false' }),
        annotated('core', { 'enable-owasp-core-rules': 'true' }),
        annotated('hostile', { ...on, 'modsecurity-snippet': 'SecRuleScript /tmp/x.lua "id:2"' }),
        ...serviceOn('app', [app.port]),
      ];
      some = await serve(
        suite,
        binary,
        [optionsOf({ ...gates, 'enable-brotli': 'true', 'brotli-types': '*' }), ...objects],
        settings,
      );
      const everywhere = {
        ...gates,
        'enable-modsecurity': 'true',
        'modsecurity-snippet': rule.replace('id:1', 'id:7'),
      };
      all = await serve(
        suite,
        binary,
        [optionsOf(everywhere), ...objects.filter((_, index) => index !== 4 && index !== 5)],
        settings,
      );
    });

    async function statusOf(served: Served, name: string, query: string): Promise<number> {
      const path = `/?q=${encodeURIComponent(query)}`;
      return (await served.request({ host: `${name}.example.com`, path })).status;
    }

    for (const [name, bad, alsoBad, good] of [
      ['plain', 200, 200, 200],
      ['on', 403, 403, 200],
      // The rules that Debian brings only detect.
      ['files', 200, 200, 200],
      ['off', 200, 200, 200],
      ['core', 503, 503, 503],
      ['hostile', 503, 503, 503],
    ] as const) {
      it(`answers ${bad} and ${good} for ${name}`, async () => {
        assert.deepEqual(
          [
            await statusOf(some, name, 'drop'),
            await statusOf(some, name, 'it\'s "bad"'),
            await statusOf(some, name, 'drop it'),
          ],
          [bad, alsoBad, good],
        );
      });
    }

    it('looks at all requests where the option says so, but for those that are left out', async () => {
      const names = ['plain', 'on', 'files', 'off'];
      const statuses = await Promise.all(names.map(async (name) => await statusOf(all, name, 'drop')));
      assert.deepEqual(statuses, [403, 403, 403, 200]);
      assert.match(some.text, /modsecurity_rules_file \S+modsecurity\.conf;/u);
    });

    it('names requests in its log, and says why they are refused', async () => {
      const log = await some.errorLog();
      assert.match(log, /\[msg "No, not this"\].*\[unique_id "shop-[0-9a-f]{32}"\]/u);
      assert.match(some.ingress('hostile').reasons.join(), /line 1 "SecRuleScript" is not among/u);
      assert.match(some.ingress('core').reasons.join(), /protects nothing without enable-modsecurity/u);
    });

    it('compresses with brotli where that is asked for', async () => {
      const host = 'plain.example.com';
      const packed = await some.request({ host, headers: { 'accept-encoding': 'br' } });
      assert.equal(packed.headers['content-encoding'], 'br');
      assert.match(packed.body.length > 0 ? 'something' : '', /something/u);
    });
  },
);

for (const other of nginxBinaries()) {
  it(`closes what asks for ModSecurity on nginx ${other.version}, which has it not`, async (t) => {
    const app = await startBackend(t, 'app');
    const objects = [annotated('plain', {}), annotated('on', on), ...serviceOn('app', [app.port])];
    const served = await serve(
      t,
      other,
      [optionsOf({ ...gates, 'enable-brotli': 'true' }), ...objects],
      settings,
    );

    assert.equal((await served.request({ host: 'on.example.com' })).status, 503);
    assert.equal((await served.request({ host: 'plain.example.com' })).status, 200);
    assert.match(served.ingress('on').reasons.join(), /needs an nginx with the module modsecurity/u);
    const told = served.verdicts.find(({ kind }) => kind === 'ConfigMap')?.reasons ?? [];
    assert.match(told.map(({ message }) => message).join(), /needs an nginx with the module brotli/u);

    const closed = await serve(t, other, [optionsOf({ 'enable-modsecurity': 'true' }), ...objects], settings);
    assert.equal((await closed.request({ host: 'plain.example.com' })).status, 503);
  });
}

describe('rules of ModSecurity', () => {
  for (const [text, expected] of [
    ['SecRule ARGS "@pmFromFile /etc/passwd" "id:1"', /operator @pmFromFile/u],
    ['SecRule ARGS "!@inspectFile /x" "id:1"', /operator @inspectFile/u],
    ['SecRule ARGS "@rx a" "id:1,exec:/bin/sh"', /action "exec"/u],
    ['SecRule ARGS "@rx a" "id:1, setenv:a=b"', /action "setenv"/u],
    ['SecRule ARGS "@rx a" "id:1,msg:\'a,exec:b\'"', null],
    ['SecAction "id:1,phase:1,pass,t:none,setvar:tx.a=1"', null],
    ['Include /etc/passwd', /may not include/u],
    ['Include /etc/nginx/owasp-modsecurity-crs/nginx-modsecurity.conf', null],
    ['SecRemoteRules key https://evil.example', /is not among/u],
    ['SecAuditLog /etc/cron.d/x', /is not among/u],
    ['SecAuditEngine On', /audit log/u],
    ['SecRule ARGS "@rx a', /quote is not closed/u],
    ['constructor x', /is not among/u],
    ['SecRule ARGS', /too few/u],
    ['# nothing', /has no rule/u],
    ['SecMarker "a\u0000"', /control character/u],
    ['SecMarker "\'; }"', null],
  ] as const) {
    it(`${expected === null ? 'takes' : 'refuses'} ${JSON.stringify(text)}`, () => {
      const parsed = parseSecRules(text, 'ingress');
      assert.equal(refused(parsed), expected !== null);
      if (refused(parsed)) {
        assert.match(parsed.error, expected ?? /^$/u);
      } else {
        assert.match(parsed.value.text, /^modsecurity_rules '(?:[^'\\]|\\.)*';$/su);
      }
    });
  }
});
