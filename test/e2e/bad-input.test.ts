import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLoadBackend } from '../support/load-backend.ts';
import { describeLoad, lostOf, startLoad } from '../support/load.ts';
import { eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import type { NginxBinary } from '../support/nginx-binaries.ts';
import { ingress, serviceOn } from '../support/objects.ts';

interface ObjectVerdict {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

async function verdicts(gateway: RunningGateway): Promise<readonly ObjectVerdict[]> {
  return (await gateway.debug('/debug/objects')) as readonly ObjectVerdict[];
}

async function statusOf(gateway: RunningGateway, name: string): Promise<number> {
  return (await gateway.get(`${name}.example`)).status;
}

function served(name: string): object {
  return ingress(name, { host: `${name}.example`, paths: [{ service: 'web' }] });
}

/** Proves that whatever was written before has been read: a change behind it is live. */
async function marker(gateway: RunningGateway, name: string): Promise<void> {
  await gateway.write(`${name}.yaml`, served(name));
  await eventually(`${name} is live`, async () => {
    return (await gateway.debugText('/debug/config')).body.includes(` ${name}.example;`);
  });
  assert.equal(await statusOf(gateway, name), 200);
}

interface Problem {
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
}

/** What was logged of a file. The message of a problem is a field of the same name as the log's own. */
function problemsOf(gateway: RunningGateway, file: string): readonly Problem[] {
  return gateway.log
    .filter(
      ({ message, file: named }) => message === 'A manifest has a problem' && String(named).endsWith(file),
    )
    .map((line) => ({ ...line, message: String(line['field_message']) }) as unknown as Problem);
}

/** Ingresses with one field of a wrong type each, by that field. */
function wrongIngresses(): Record<string, object> {
  const good = served('wrong') as { metadata: object; spec: { rules: { http: object }[] } };
  const path0 = {
    path: '/',
    pathType: 'Prefix',
    backend: { service: { name: 'web', port: { number: 80 } } },
  };
  function spec(more: object): object {
    return { ...good, spec: { ...good.spec, ...more } };
  }
  function rule(more: object): object {
    return spec({ rules: [{ ...good.spec.rules[0], ...more }] });
  }
  function onePath(more: object): object {
    return rule({ http: { paths: [{ ...path0, ...more }] } });
  }
  function port(value: unknown): object {
    return onePath({ backend: { service: { name: 'web', port: value } } });
  }
  return {
    'metadata.annotations': { ...good, metadata: { ...good.metadata, annotations: ['a'] } },
    'metadata.labels': { ...good, metadata: { ...good.metadata, labels: 7 } },
    spec: { ...good, spec: 'all of it' },
    'spec.ingressClassName': spec({ ingressClassName: { name: 'nginx' } }),
    'spec.rules': spec({ rules: { host: 'a' } }),
    'spec.rules[0]': spec({ rules: [null] }),
    'spec.rules[0].host': rule({ host: 12 }),
    'spec.rules[0].http': rule({ http: 'yes' }),
    'spec.rules[0].http.paths': rule({ http: { paths: '/a' } }),
    'spec.rules[0].http.paths[0]': rule({ http: { paths: ['/a'] } }),
    'spec.rules[0].http.paths[0].path': onePath({ path: 3 }),
    'spec.rules[0].http.paths[0].pathType': onePath({ pathType: ['Prefix'] }),
    'spec.rules[0].http.paths[0].backend': onePath({ backend: null }),
    'spec.rules[0].http.paths[0].backend.service': onePath({ backend: { service: 'web' } }),
    'spec.rules[0].http.paths[0].backend.service.name': onePath({
      backend: { service: { name: 1, port: { number: 80 } } },
    }),
    'spec.rules[0].http.paths[0].backend.service.port': port('http'),
    'spec.rules[0].http.paths[0].backend.service.port.number': port({ number: '80' }),
    'spec.rules[0].http.paths[0].backend.service.port.name': port({ name: 80 }),
    'spec.tls': spec({ tls: 'secret' }),
    'spec.tls[0].hosts': spec({ tls: [{ hosts: 'a.example', secretName: 's' }] }),
    'spec.tls[0].secretName': spec({ tls: [{ hosts: ['a.example'], secretName: 5 }] }),
    'spec.defaultBackend': spec({ defaultBackend: [] }),
  };
}

async function serving(t: TestContext, nginx: NginxBinary): Promise<RunningGateway> {
  const backend = await startLoadBackend(t, 'web');
  return await startGateway(t, {
    nginx,
    manifests: {
      'web.yaml': serviceOn('web', [backend.port]),
      'shop.yaml': served('shop'),
      'cafe.yaml': served('cafe'),
    },
  });
}

onEveryNginx('whatever stands in the manifests, what is served stays served', async (t, nginx) => {
  const gateway = await serving(t, nginx);
  const load = startLoad(t, {
    port: gateway.httpPort,
    host: 'shop.example',
    clients: 4,
    restMs: () => 10,
    keepAlive: false,
  });
  async function phase(title: string, body: () => Promise<void>): Promise<void> {
    await t.test(title, async () => {
      await body();
      assert.equal(lostOf(load.count), 0, describeLoad(load.count));
    });
  }

  const shop = path.join(gateway.manifests, 'shop.yaml');

  await phase('a file that is no YAML keeps its last good content and is told with its place', async () => {
    await gateway.write('shop.yaml', 'apiVersion: v1\nkind: Ingress\nmetadata:\n  name: [shop\nspec: {}\n');
    await eventually('it is told', () => problemsOf(gateway, 'shop.yaml').length > 0);
    const [problem] = problemsOf(gateway, 'shop.yaml');
    assert.ok(Number(problem?.line) >= 4 && Number(problem?.column) >= 1, JSON.stringify(problem));
    assert.match(problem?.message ?? '', /no valid YAML/u);
    await marker(gateway, 'after-broken');
    assert.equal(await statusOf(gateway, 'shop'), 200);
  });

  await phase('one broken document leaves the others of its file', async () => {
    const documents = [served('first'), served('third')].map((one) => JSON.stringify(one));
    await gateway.write('three.yaml', `${documents[0]}\n---\nkind: {{ template }}\n---\n${documents[1]}\n`);
    await marker(gateway, 'after-three');
    assert.deepEqual([await statusOf(gateway, 'first'), await statusOf(gateway, 'third')], [200, 200]);
    assert.equal(problemsOf(gateway, 'three.yaml').length, 1);
  });

  await phase('a file that is written slowly is taken when it is whole', async () => {
    const text = `${JSON.stringify(served('shop'), null, 2)}\n`;
    // Emptied and begun in one go: a file that stays empty for a quarter of a second counts as meant.
    const file = openSync(shop, 'w');
    for (let at = 0; at < text.length; at += 80) {
      writeSync(file, text.slice(at, at + 80));
      await sleep(15);
    }
    closeSync(file);
    await marker(gateway, 'after-slow');
    assert.equal(await statusOf(gateway, 'shop'), 200);
  });

  await phase('files that are no manifests', async () => {
    const folder = gateway.manifests;
    await writeFile(
      path.join(folder, 'noise.yaml'),
      Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 73) % 256)),
    );
    await writeFile(path.join(folder, 'zero.yaml'), '\0\0\0\0');
    await writeFile(path.join(folder, 'scalar.yaml'), '42\n---\n"text"\n---\n[1, 2]\n---\ntrue\n');
    await writeFile(path.join(folder, 'deep.json'), `${'['.repeat(20_000)}${']'.repeat(20_000)}\n`);
    await writeFile(path.join(folder, 'laughs.yaml'), billionLaughs());
    await writeFile(
      path.join(folder, 'kinds.yaml'),
      'apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: w }\n',
    );
    await writeFile(path.join(folder, 'no-kind.yaml'), 'apiVersion: v1\nmetadata: { name: w }\n');
    await mkdir(path.join(folder, 'folder.yaml'));
    await symlink('loop.yaml', path.join(folder, 'loop.yaml'));
    await symlink('/nowhere/at/all.yaml', path.join(folder, 'dangling.yaml'));
    execFileSync('mkfifo', [path.join(folder, 'pipe.yaml')]);
    await marker(gateway, 'after-noise');
    for (const name of ['noise', 'zero', 'deep', 'laughs', 'pipe']) {
      await eventually(
        `${name} is told`,
        () => problemsOf(gateway, `${name}.yaml`).length + problemsOf(gateway, `${name}.json`).length > 0,
      );
    }
    assert.equal(problemsOf(gateway, 'kinds.yaml').length, 0, 'kinds of others are none of our business');
    assert.deepEqual([await statusOf(gateway, 'shop'), await statusOf(gateway, 'cafe')], [200, 200]);
  });

  await phase('an Ingress with any field of a wrong type is refused alone, by field', async () => {
    const wrong = wrongIngresses();
    const fields = Object.keys(wrong);
    await gateway.write(
      'wrong.yaml',
      fields.map((field, number) => renamed(wrong[field] ?? {}, `wrong-${number}`)),
    );
    await marker(gateway, 'after-wrong');
    const told = await verdicts(gateway);
    for (const [number, field] of fields.entries()) {
      const verdict = told.find(({ kind, name }) => kind === 'Ingress' && name === `wrong-${number}`);
      assert.ok(verdict, `there is a verdict on a wrong ${field}`);
      assert.notEqual(verdict.state, 'served', field);
      const reason = verdict.reasons.find(
        (one) => one.field !== '' && (field.startsWith(one.field) || one.field.startsWith(field)),
      );
      assert.ok(reason, `${field} is named: ${JSON.stringify(verdict.reasons)}`);
      assert.match(reason.message, /\S+ \S+ \S+/u, 'in words');
    }
    assert.deepEqual([await statusOf(gateway, 'shop'), await statusOf(gateway, 'cafe')], [200, 200]);
  });

  await phase('an edit that is refused leaves the object as it was', async () => {
    const wrong = wrongIngresses();
    for (const field of ['spec', 'spec.rules', 'spec.tls', 'metadata.annotations']) {
      await gateway.write('cafe.yaml', renamed(wrong[field] ?? {}, 'cafe'));
      await marker(gateway, `edit-${field.replaceAll(/\W/gu, '-').replaceAll(/^-+|-+$/gu, '')}`);
      assert.equal(await statusOf(gateway, 'cafe'), 200, field);
      const told = (await verdicts(gateway)).find(({ kind, name }) => kind === 'Ingress' && name === 'cafe');
      assert.equal(told?.state, 'rejected', field);
      assert.match(JSON.stringify(told.reasons), /stays as it was before this edit/u);
    }
    await gateway.write('cafe.yaml', served('cafe'));
    await marker(gateway, 'last');
    assert.equal(await statusOf(gateway, 'cafe'), 200);
  });

  await phase('a folder that is gone wipes nothing', async () => {
    const aside = `${gateway.manifests}-aside`;
    await rename(gateway.manifests, aside);
    await eventually('it is told', () => problemsOf(gateway, 'manifests').length > 0);
    // Longer than a file has to be gone to count as deleted, and a pass to bring that to nginx.
    await sleep(2500);
    assert.deepEqual([await statusOf(gateway, 'shop'), await statusOf(gateway, 'cafe')], [200, 200]);
    await rename(aside, gateway.manifests);
    await rm(path.join(gateway.manifests, 'pipe.yaml'));
    await marker(gateway, 'after-folder');
    assert.deepEqual([await statusOf(gateway, 'shop'), await statusOf(gateway, 'cafe')], [200, 200]);
  });

  assert.equal(gateway.process.exitCode, null);
  const count = await load.stop();
  t.diagnostic(`bad manifests of every sort: ${describeLoad(count)}`);
  assert.equal(lostOf(count), 0);
});

function renamed(object: object, name: string): object {
  const { metadata } = object as { metadata: object };
  return { ...object, metadata: { ...metadata, name } };
}

/** Aliases that multiply to ten billion values. */
function billionLaughs(): string {
  const lines = ['a0: &a0 ["ha"]'];
  for (let level = 1; level <= 10; level += 1) {
    lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`);
  }
  return `${lines.join('\n')}\n`;
}
