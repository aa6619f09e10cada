import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { ObjectKey } from '../../src/model/object-ref.ts';
import type { LintFinding } from '../../src/nginx/judge.ts';
import { createLinter, lintOptionsForState, type Linter } from '../../src/nginx/lint.ts';
import { http } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { nginxInstance as anyInstance, type NginxInstance } from '../support/nginx-instance.ts';
import { artifact, hostServer } from '../support/synthetic-world.ts';

/** Nothing is reloaded here, so there are no old workers to wait for. */
async function nginxInstance(
  ...[t, binary, overrides]: Parameters<typeof anyInstance>
): Promise<NginxInstance> {
  return await anyInstance(t, binary, { quietMs: 40, ...overrides });
}

/** Adds hosts `o0.example`…; those in `bad` with an extra line that nginx refuses, each with its own. */
function populate(
  instance: NginxInstance,
  count: number,
  bad: readonly number[],
  badLine: (number: number) => string = (number) => `no_such_directive_${number} on;`,
): void {
  const { world } = instance;
  for (let number = 0; number < count; number += 1) {
    const extra = bad.includes(number) ? [badLine(number)] : [];
    world.objects.set(keyOf(number), {
      lines: hostServer(world.port, `o${number}.example`, extra),
      stub: stubOf(world.port, `o${number}.example`),
    });
  }
}

function keyOf(number: number): ObjectKey {
  return `Ingress/ns/o${String(number).padStart(3, '0')}`;
}

function stubOf(port: number, host: string): string[] {
  return ['server {', `  listen 127.0.0.1:${port};`, `  server_name ${host};`, '  return 503;', '}'];
}

async function statusOf(instance: NginxInstance, host: string): Promise<number> {
  return (await http({ port: instance.world.port, host })).status;
}

/** Has nginx read the ciphers of every server, as it does where there is a certificate. */
async function giveCertificate({ world }: NginxInstance): Promise<void> {
  const file = path.join(world.stateDir, 'own.pem');
  await writeFile(file, certificate(2048));
  world.skeleton.push(`ssl_certificate ${file};`, `ssl_certificate_key ${file};`);
}

/** A self-signed certificate and its key in one file; 512 bits are refused by every nginx. */
function certificate(bits: number): string {
  const made = spawnSync(
    'openssl',
    ['req', '-x509', '-newkey', `rsa:${bits}`, '-nodes', '-days', '2', '-subj', '/CN=tls.example'].concat([
      '-keyout',
      '-',
    ]),
    { encoding: 'utf8', timeout: 20_000 },
  );
  assert.equal(made.status, 0, made.stderr);
  return made.stdout;
}

for (const binary of nginxBinaries()) {
  describe(`blame on nginx ${binary.version}`, () => {
    for (const bad of [[4], [1, 7], [0, 5, 9]]) {
      it(`needs one test more than culprits for ${bad.length} known by line`, async (t) => {
        const instance = await nginxInstance(t, binary);
        populate(instance, 12, bad);
        const result = await instance.applier.apply(instance.world.build, new Map());
        assert.equal(result.outcome, 'applied');
        assert.deepEqual(result.added.toSorted(), bad.map(keyOf));
        assert.equal(result.tests, bad.length + 1);
        assert.equal(result.fault?.kind, 'object');
        assert.equal(result.fault?.stage, 'test');
        assert.match(result.fault?.message ?? '', /unknown directive "no_such_directive_\d+"/);
        const line = result.failedText?.line ?? 0;
        assert.match(result.failedText?.text.split('\n')[line - 1] ?? '', /no_such_directive/);
        const reason = result.quarantined.get(keyOf(bad[0] ?? 0));
        assert.equal(reason?.field, 'spec');
        assert.match(reason?.message ?? '', new RegExp(`no_such_directive_${bad[0]} on;`));
        assert.doesNotMatch(reason?.message ?? '', new RegExp(instance.options.stateDir));
        for (let number = 0; number < 12; number += 1) {
          const status = await statusOf(instance, `o${number}.example`);
          assert.equal(status, bad.includes(number) ? 503 : 200, `o${number}`);
        }
      });
    }

    it('goes on by halves beyond three culprits', async (t) => {
      const instance = await nginxInstance(t, binary);
      const bad = [2, 3, 11, 17, 30];
      populate(instance, 32, bad);
      const result = await instance.applier.apply(instance.world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added.toSorted(), bad.map(keyOf));
      assert.ok(result.tests <= 12, `${result.tests} tests`);
      assert.equal(await statusOf(instance, 'o1.example'), 200);
      assert.equal(await statusOf(instance, 'o30.example'), 503);
    });

    it('finds by halves whom no message names', async (t) => {
      const instance = await nginxInstance(t, binary);
      populate(instance, 16, []);
      const { world } = instance;
      world.skeleton.push('server_names_hash_bucket_size 32;');
      const bad = keyOf(6);
      world.objects.set(bad, { lines: hostServer(world.port, `${'long.'.repeat(8)}example`) });
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.match(result.fault?.message ?? '', /^could not build server_names_hash/);
      assert.deepEqual(result.added, [bad]);
      assert.ok(result.tests <= 1 + (2 + Math.log2(16)), `${result.tests} tests, the skeleton's among them`);
      assert.equal(await statusOf(instance, 'o5.example'), 200);
    });

    it('leaves objects in quarantine that the caller put there, and does not test them', async (t) => {
      const instance = await nginxInstance(t, binary);
      populate(instance, 4, [1]);
      const known = new Map([[keyOf(1), { field: 'spec', message: 'known before' }]]);
      const result = await instance.applier.apply(instance.world.build, known);
      assert.equal(result.outcome, 'applied');
      assert.equal(result.tests, 1);
      assert.equal(result.fault, null);
      assert.deepEqual(result.added, []);
      assert.deepEqual(result.quarantined, known);
    });

    it('gives up at its limit, blames nobody wrongly, and goes on from there with the next apply', async (t) => {
      const instance = await nginxInstance(t, binary, { maxTrials: 6 });
      const bad = [1, 2, 3, 5, 8, 9, 12];
      populate(instance, 14, bad);
      let quarantine: Parameters<typeof instance.applier.apply>[1] = new Map();
      let result = await instance.applier.apply(instance.world.build, quarantine);
      assert.match(result.fault?.message ?? '', /more objects are at fault than/);
      for (let more = 0; more < 4 && result.outcome === 'failed'; more += 1) {
        quarantine = result.quarantined;
        result = await instance.applier.apply(instance.world.build, quarantine);
      }
      assert.equal(result.outcome, 'applied');
      assert.ok(result.added.every((object) => bad.map(keyOf).includes(object)));
      quarantine = result.quarantined;
      for (let more = 0; more < 14; more += 1) {
        const group = [...quarantine].flatMap(([object, { waiting }]) => (waiting === true ? [object] : []));
        if (group.length === 0) {
          break;
        }
        result = await instance.applier.trial(instance.world.build, quarantine, group);
        assert.equal(result.tests, 1);
        quarantine = result.quarantined;
      }
      assert.deepEqual([...quarantine.keys()].toSorted(), bad.map(keyOf));
      assert.equal(await statusOf(instance, 'o13.example'), 200);
    });

    it('blames the Secret of a bad certificate, not those who use it', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      populate(instance, 3, []);
      const secret: ObjectKey = 'Secret/ns/weak';
      const users: ObjectKey[] = ['Ingress/ns/user-a', 'Ingress/ns/user-b'];
      const file = artifact(certificate(512), [secret, ...users]);
      world.objects.set(secret, { files: [file] });
      for (const [number, user] of users.entries()) {
        const host = `tls${number}.example`;
        const tls = [
          `ssl_certificate ${world.stateDir}/${file.path};`,
          `ssl_certificate_key ${world.stateDir}/${file.path};`,
        ];
        // As the renderer does it: a host whose Secret is out answers 503.
        world.objects.set(user, {
          render: (without) =>
            without.has(secret) ? stubOf(world.port, host) : hostServer(world.port, host, tls),
        });
      }
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added, [secret]);
      assert.ok(result.tests <= 3, `${result.tests} tests`);
      assert.equal(result.quarantined.get(secret)?.field, 'data');
      assert.match(result.quarantined.get(secret)?.message ?? '', /ee key too small/);
      assert.equal(await statusOf(instance, 'tls0.example'), 503);
      assert.equal(await statusOf(instance, 'o1.example'), 200);
    });

    const nameless: [string, string, RegExp][] = [
      ['an unknown variable', 'location /v { return 200 $nosuch; }', /unknown "nosuch" variable/],
      [
        'a zone that nobody declares',
        'location /z { limit_req zone=nozone; }',
        /zero size shared memory zone "nozone"/,
      ],
      ['an address that is not ours', 'listen 192.0.2.1:8999;', /bind\(\) to 192\.0\.2\.1:8999 failed/],
      [
        'a cache that nobody declares',
        'location /c { proxy_cache nocache; proxy_pass http://127.0.0.1:1; }',
        /"nocache" is unknown/,
      ],
    ];
    for (const [what, line, said] of nameless) {
      it(`finds by name who asks for ${what}`, async (t) => {
        const instance = await nginxInstance(t, binary);
        populate(instance, 6, [3], () => line);
        const result = await instance.applier.apply(instance.world.build, new Map());
        assert.equal(result.outcome, 'applied');
        assert.deepEqual(result.added, [keyOf(3)]);
        assert.ok(result.tests <= 3, `${result.tests} tests`);
        assert.match(result.fault?.message ?? '', said);
        assert.equal(await statusOf(instance, 'o2.example'), 200);
      });
    }

    it('lets those back in who only share a name with the culprit', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      populate(instance, 3, []);
      // The text says $shared nowhere near the first owner: it only declares the name.
      world.objects.set('Ingress/ns/a-innocent', {
        lines: hostServer(world.port, 'innocent.example'),
        names: ['shared'],
      });
      world.objects.set('Ingress/ns/b-culprit', {
        lines: ['include @FILE@;'],
        names: ['shared'],
        files: [artifact('server { listen unix:/nonexistent/x; return 200 $shared; }', [], 'parts')],
      });
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added, ['Ingress/ns/b-culprit']);
      assert.equal(await statusOf(instance, 'innocent.example'), 200);
    });

    it('blames nobody for a network that stands in a list of his own', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      for (const name of ['a', 'b', 'y', 'z']) {
        const allowed = ['allow 0.0.0.0/0;', 'deny all;'];
        world.objects.set(`Ingress/ns/${name}`, {
          lines: hostServer(world.port, `${name}.example`, allowed),
        });
      }
      world.objects.set('Ingress/ns/limit', {
        lines: hostServer(world.port, 'limit.example'),
        unowned: ['geo $unlimited_x {', '  default 0;', '  0.0.0.0/0 1;', '}'],
        names: ['unlimited_x'],
      });
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.match(result.fault?.message ?? '', /duplicate network "0\.0\.0\.0\/0"/);
      assert.deepEqual(result.added, ['Ingress/ns/limit']);
      assert.equal(await statusOf(instance, 'a.example'), 200);
    });

    it('lets those back in whose words are in a message that goes on without them', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      populate(instance, 5, []);
      for (const name of ['a', 'z']) {
        const lines = hostServer(world.port, `${name}.example`, ['add_header X-Say "nosuch";']);
        world.objects.set(`Ingress/ns/${name}`, { lines });
      }
      world.objects.set('Ingress/ns/culprit', {
        lines: hostServer(world.port, 'culprit.example'),
        unowned: [`server { listen unix:${world.stateDir}/run/x; return 200 $nosuch; }`],
      });
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.match(result.fault?.message ?? '', /unknown "nosuch" variable/);
      assert.deepEqual(result.added, ['Ingress/ns/culprit']);
      assert.equal(await statusOf(instance, 'a.example'), 200);
      assert.equal(await statusOf(instance, 'z.example'), 200);
    });

    it('blames nobody who is called as somebody else spells his ciphers or variables', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      await giveCertificate(instance);
      for (const victim of ['grafana', 'api', 'web']) {
        const lines = hostServer(world.port, victim, [`add_header X-Name ${victim};`]);
        world.objects.set(`Service/ns/${victim}`, { lines, names: [victim] });
      }
      const badLines = {
        a: 'ssl_ciphers grafana;',
        b: 'ssl_ciphers "web";',
        c: 'add_header X-Api $api;',
        d: 'add_header X-Api "${api}";',
        // As plugins print what they share: it is nobody's.
        e: null,
      };
      for (const [name, line] of Object.entries(badLines)) {
        world.objects.set(`Ingress/evil/${name}`, {
          lines: hostServer(world.port, `${name}.example`, line === null ? [] : [line]),
          unowned: line === null ? ['map $uri $unowned_e { default $web; }'] : [],
        });
      }
      const first = await instance.applier.apply(world.build, new Map());
      assert.equal(first.outcome, 'applied', first.fault?.message);
      assert.deepEqual(
        first.added.toSorted(),
        ['a', 'b', 'c', 'd', 'e'].map((name) => `Ingress/evil/${name}`),
      );
      for (const victim of ['grafana', 'api', 'web']) {
        assert.equal(await statusOf(instance, victim), 200, victim);
      }
    });

    it('blames all at once who ask for the very words that nginx refuses', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      await giveCertificate(instance);
      populate(instance, 5, []);
      for (let number = 0; number < 40; number += 1) {
        const lines = hostServer(world.port, `f${number}.example`, ['ssl_ciphers nope;']);
        world.objects.set(`Ingress/evil/f${number}`, { lines });
      }
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual([result.added.length, result.tests], [40, 2]);
      assert.equal(await statusOf(instance, 'o1.example'), 200);
    });

    it('hands out nobody as a culprit who was kept out for a word alone when it gives up', async (t) => {
      const instance = await nginxInstance(t, binary, { maxTrials: 5 });
      const { world } = instance;
      for (let number = 0; number < 12; number += 1) {
        const victim = `victim${number}`;
        world.objects.set(`Ingress/ns/${victim}`, {
          lines: hostServer(world.port, `${victim}.example`, [`add_header X-Say "${victim}";`]),
          names: [victim],
        });
        world.objects.set(`Ingress/evil/e${number}`, {
          lines: hostServer(world.port, `e${number}.example`),
          unowned: [`map $uri $unowned_${number} { default $${victim}; }`],
        });
      }
      let known: Parameters<typeof instance.applier.apply>[1] = new Map();
      let last = await instance.applier.apply(world.build, known);
      for (let more = 0; more < 12 && last.outcome === 'failed'; more += 1) {
        assert.deepEqual(
          last.added.filter((object) => object.startsWith('Ingress/ns/')),
          [],
        );
        known = last.quarantined;
        last = await instance.applier.apply(world.build, known);
      }
    });

    it('counts a warning that leaves somebody unserved, and blames the later server', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      populate(instance, 3, []);
      world.objects.set('Ingress/ns/p', { lines: hostServer(world.port, 'twice.example', ['set $who p;']) });
      world.objects.set('Ingress/ns/q', { lines: hostServer(world.port, 'twice.example', ['set $who q;']) });
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added, ['Ingress/ns/q']);
      assert.match(result.fault?.message ?? '', /conflicting server name "twice\.example"/);
      assert.equal(result.tests, 2);
      assert.equal(await statusOf(instance, 'twice.example'), 200);
    });

    it('blames the innermost object of nested lines', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      populate(instance, 2, []);
      world.objects.set('Ingress/ns/inner', {
        lines: hostServer(world.port, 'inner.example', ['bogus;']),
        within: 'Ingress/ns/outer',
      });
      const result = await instance.applier.apply(world.build, new Map());
      assert.deepEqual(result.added, ['Ingress/ns/inner']);
    });

    it('passes on to the outer object when leaving out the inner one changes nothing', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      populate(instance, 2, []);
      world.objects.set('Ingress/ns/fixed', {
        render: (without) => (without.has('Ingress/ns/outer') ? [] : ['bogus;']),
        within: 'Ingress/ns/outer',
      });
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added, ['Ingress/ns/outer']);
      assert.equal(result.tests, 2, 'an object without power costs no test');
    });

    it('blames by lint without any nginx seeing the text, all lines at once', async (t) => {
      const linted: string[] = [];
      const instance = await nginxInstance(t, binary, {
        lint(candidate): LintFinding[] {
          linted.push(candidate.generation);
          return candidate.text.split('\n').flatMap((line, index) => {
            const directive = 'load_module';
            const message = '"load_module" loads code';
            return line.includes(directive) ? [{ line: index + 1, rule: 'code', directive, message }] : [];
          });
        },
      });
      populate(instance, 8, [1, 2, 5, 6, 7], () => 'load_module /tmp/evil.so;');
      const result = await instance.applier.apply(instance.world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added.toSorted(), [1, 2, 5, 6, 7].map(keyOf));
      assert.equal(result.fault?.stage, 'lint');
      assert.equal(result.tests, 1, 'what is left');
      assert.equal(linted.length, 2);
    });

    for (const brace of ['location /x {', '}']) {
      it(`finds whose "${brace}" is one too many before nginx is asked`, async (t) => {
        const linters = new Map<string, Linter>();
        const instance = await nginxInstance(t, binary, {
          lint: ({ text, sourceMap }) => linters.get('own')?.lint(text, sourceMap) ?? [],
        });
        const { stateDir } = instance.world;
        linters.set('own', createLinter(lintOptionsForState({ stateDir, nginxVersion: binary.version })));
        populate(instance, 6, [2], () => brace);
        const result = await instance.applier.apply(instance.world.build, new Map());
        assert.equal(result.outcome, 'applied', result.fault?.message);
        assert.deepEqual(result.added, [keyOf(2)]);
        assert.equal(result.fault?.stage, 'lint');
        assert.equal(result.tests, 1);
        assert.equal(await statusOf(instance, 'o1.example'), 200);
        assert.equal(await statusOf(instance, 'o2.example'), 503);
      });
    }

    it('acquits who was accused by a line before the skeleton was found to fail', async (t) => {
      const instance = await nginxInstance(t, binary);
      // Unknown variables are found when everything has been read: after the line of the object.
      populate(instance, 4, [2]);
      instance.world.skeleton.push('limit_req_zone $nosuch zone=lost:1m;');
      const result = await instance.applier.apply(instance.world.build, new Map());
      assert.equal(result.outcome, 'failed');
      assert.equal(result.fault?.kind, 'skeleton');
      assert.deepEqual([result.added, result.quarantined.size], [[], 0]);
    });

    it('closes a last good form that is refused as well, and blames nobody else for it', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      populate(instance, 8, []);
      const object = keyOf(3);
      world.objects.set(object, {
        render: (without) => {
          const kept = without.get(object);
          const line = kept === undefined ? 'bogus_now;' : 'bogus_before;';
          return kept?.closed === true
            ? stubOf(world.port, 'o3.example')
            : hostServer(world.port, 'o3.example', [line]);
        },
      });
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added, [object]);
      assert.equal(result.quarantined.get(object)?.closed, true);
      assert.equal(result.tests, 3);
      assert.deepEqual(
        [await statusOf(instance, 'o2.example'), await statusOf(instance, 'o3.example')],
        [200, 503],
      );

      // The caller knew already that the present form is no good.
      const known = new Map([[object, { field: 'spec', message: 'known before' }]]);
      const again = await instance.applier.apply(world.build, known);
      assert.equal(again.quarantined.get(object)?.closed, true);
      assert.deepEqual(again.added, [object]);
    });

    it('keeps the last good form of one whom nothing names, once that has passed', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      populate(instance, 16, []);
      world.skeleton.push('server_names_hash_bucket_size 32;');
      const [good, bad] = [keyOf(6), keyOf(9)];
      const long = `${'long.'.repeat(8)}example`;
      world.objects.set(good, {
        render: (without) => hostServer(world.port, without.has(good) ? 'o6.example' : long),
      });
      // Of this one the form of before is no better.
      world.objects.set(bad, {
        render: (without) =>
          without.get(bad)?.closed === true
            ? stubOf(world.port, 'o9.example')
            : hostServer(world.port, `${without.has(bad) ? 'un' : 'more'}${long}`),
      });
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added.toSorted(), [good, bad]);
      assert.deepEqual(
        [good, bad].map((object) => result.quarantined.get(object)?.closed),
        [undefined, true],
      );
      for (let number = 0; number < 16; number += 1) {
        assert.equal(await statusOf(instance, `o${number}.example`), number === 9 ? 503 : 200, `o${number}`);
      }
    });

    it('leaves all as it is when it only checks', async (t) => {
      const instance = await nginxInstance(t, binary);
      populate(instance, 4, [2]);
      const result = await instance.applier.check(instance.world.build);
      assert.equal(result.outcome, 'unchanged');
      assert.deepEqual(result.added, [keyOf(2)]);
      assert.equal(await instance.applier.liveGeneration(), null);
      await assert.rejects(access(instance.options.configPath), { code: 'ENOENT' });
      instance.world.skeleton.push('template_gone_wrong;');
      assert.equal((await instance.applier.check(instance.world.build)).outcome, 'failed');
    });

    it("takes a folder that cannot be written for the environment's fault", async (t) => {
      const instance = await nginxInstance(t, binary);
      populate(instance, 2, []);
      const secret = artifact('key', [keyOf(0)], 'passwords');
      instance.world.objects.set(keyOf(0), { files: [secret] });
      await writeFile(path.join(instance.paths.root, 'passwords'), 'in the way');
      const result = await instance.applier.apply(instance.world.build, new Map());
      assert.equal(result.outcome, 'failed');
      assert.deepEqual([result.fault?.kind, result.fault?.stage], ['environment', 'stage']);
      assert.equal(result.quarantined.size, 0);
    });

    it('accuses nobody when the skeleton fails too', async (t) => {
      const instance = await nginxInstance(t, binary);
      populate(instance, 4, [2]);
      const good = await instance.applier.apply(instance.world.build, new Map());
      assert.equal(good.outcome, 'applied');
      instance.world.skeleton.push('template_gone_wrong;');
      const result = await instance.applier.apply(instance.world.build, new Map());
      assert.equal(result.outcome, 'failed');
      assert.equal(result.fault?.kind, 'skeleton');
      assert.match(result.fault?.message ?? '', /unknown directive "template_gone_wrong"/);
      assert.equal(result.quarantined.size, 0);
      assert.equal(result.tests, 2);
      assert.equal(await instance.applier.liveGeneration(), good.generation);
    });
  });
}
