import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatProblem } from '../../../src/cluster/manifests/problem.ts';
import { readManifests } from '../../../src/cluster/manifests/read-manifests.ts';
import type { Service } from '../../../src/cluster/objects.ts';
import { put, service, temporaryFolder } from './folder.ts';

async function ports(paths: string[]): Promise<Record<string, number | undefined>> {
  const { objects } = await readManifests(paths);
  return Object.fromEntries(objects.map((object) => [object.meta.name, (object as Service).ports[0]?.port]));
}

test('files by ending, directories in depth, hidden entries left out', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', service('a', 1));
  put(folder, 'b.yml', service('b', 2));
  put(folder, 'c.json', JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'c' } }));
  put(folder, 'deep/er/d.yaml', service('d', 4));
  put(folder, 'e.txt', service('e', 5));
  put(folder, '.f.yaml', service('f', 6));
  put(folder, '.git/g.yaml', service('g', 7));
  put(folder, 'a.yaml~', service('h', 8));
  assert.deepEqual(await ports([folder]), { a: 1, b: 2, c: undefined, d: 4 });
  assert.deepEqual(await ports([join(folder, 'e.txt')]), { e: 5 }, 'a file named outright has any ending');
});

test('links are followed, circles end, and a file is read once', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'real/a.yaml', service('a', 1));
  symlinkSync('..', join(folder, 'real/up'));
  symlinkSync('real', join(folder, 'also'));
  symlinkSync('nowhere', join(folder, 'lost.yaml'));
  const { objects, findings, problems } = await readManifests([folder, join(folder, 'real/a.yaml')]);
  assert.equal(objects.length, 1);
  assert.deepEqual(findings, []);
  assert.deepEqual(problems.map(formatProblem), [
    `${folder}/lost.yaml: does not exist (or is a link to nothing); create it or correct the path`,
  ]);
});

function item(name: string) {
  return { metadata: { name }, spec: { ports: [] } };
}

test('lists stand for their items', async (t) => {
  const folder = temporaryFolder(t);
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'Service', ...item('a') },
      { apiVersion: 'v1', kind: 'ServiceList', items: [item('b'), item('c')] },
      { apiVersion: 'v1', kind: 'List', items: null },
      5,
      { kind: 'IngressList', items: 'x' },
      { apiVersion: 'x/v1', kind: 'AllowList', items: [item('d')] },
    ],
  };
  put(folder, 'a.json', JSON.stringify(list));
  const { objects, problems } = await readManifests([folder]);
  assert.deepEqual(
    objects.map(({ kind, meta }) => `${kind} ${meta.name}`),
    ['Service a', 'Service b', 'Service c'],
  );
  assert.deepEqual(
    problems.map(({ message }) => message),
    [
      'is no Kubernetes object but the number 5; write apiVersion, kind and metadata',
      'has items that are the text "x"; a list of objects is wanted',
    ],
  );
});

test('lists that contain themselves end', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', '&a\nkind: List\nitems: [*a, *a]\n');
  put(folder, 'b.yaml', '&b\nkind: List\nitems: [*b]\n');
  put(folder, 'c.yaml', service('c', 3));
  const { objects, problems } = await readManifests([folder]);
  assert.equal(objects.length, 1);
  assert.deepEqual(
    problems.map(({ message }) => /lists of more than/.test(message)),
    [true, true],
  );
});

test('the same object twice: the first counts, in the order of the paths, and it is said', async (t) => {
  const folder = temporaryFolder(t);
  const b = put(folder, 'b.yaml', service('x', 2));
  const a = put(folder, 'a.yaml', `# c\n---\n${service('w', 3)}---\n${service('x', 1)}`);
  put(folder, 'c.yaml', `${service('x', 1)}---\n${service('x', 9)}`);
  const manifests = await readManifests([folder]);
  assert.deepEqual(await ports([folder]), { x: 1, w: 3 });
  assert.deepEqual(await ports([b, a]), { x: 2, w: 3 });
  assert.deepEqual(
    manifests.findings.map(({ state, reason }) => [state, reason.message]),
    [
      [
        'conflict',
        `is also in ${b}, line 1, with another content; the one in ${a}, line 8, is used: remove one of the two`,
      ],
      [
        'conflict',
        `is also in ${folder}/c.yaml, line 6, with another content; the one in ${a}, line 8, is used: remove one of the two`,
      ],
    ],
  );
  assert.deepEqual(manifests.locate({ kind: 'Service', namespace: 'default', name: 'x' }), {
    file: a,
    line: 8,
  });
  assert.equal(manifests.locate({ kind: 'Service', namespace: 'default', name: 'z' }), null);
});

test('what is wrong with files is said with its place, and the rest is read', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', service('a', 1));
  const cases: [string, string | Buffer, string][] = [
    ['broken.yaml', 'a: [1\n', ':2:1: is no valid YAML: deficient indentation'],
    ['kind.yaml', '\na: 1\n', ':2: has no kind; write apiVersion, kind and metadata'],
    [
      'utf8.yaml',
      Buffer.from('a: 1\nb: é\n', 'latin1'),
      ':2:4: is no UTF-8 text from here on; save it as UTF-8',
    ],
  ];
  for (const [name, text] of cases) {
    put(folder, name, text as string);
  }
  mkdirSync(join(folder, 'odd.yaml'));
  const { objects, problems } = await readManifests([folder, join(folder, 'none')]);
  assert.equal(objects.length, 1);
  assert.deepEqual(problems.map(formatProblem), [
    `${folder}/none: does not exist (or is a link to nothing); create it or correct the path`,
    ...cases.map(([name, , message]) => `${folder}/${name}${message}`),
  ]);
});

test('a refused object is located too; other kinds are passed over', async (t) => {
  const folder = temporaryFolder(t);
  const file = put(
    folder,
    'a.yaml',
    'apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: old}\n---\napiVersion: apps/v1\nkind: Deployment\n',
  );
  const manifests = await readManifests([file]);
  assert.deepEqual([manifests.objects, manifests.problems], [[], []]);
  assert.equal(manifests.findings[0]?.state, 'rejected');
  assert.deepEqual(manifests.locate({ kind: 'Ingress', namespace: 'default', name: 'old' }), {
    file,
    line: 1,
  });
});

test('a pipe can be named outright', (t) => {
  const folder = temporaryFolder(t);
  const script = put(
    folder,
    'read.ts',
    `import { readManifests } from ${JSON.stringify(new URL('../../../src/cluster/manifests/read-manifests.ts', import.meta.url).href)};
     const { objects } = await readManifests(['/dev/stdin']);
     console.log(objects.map((object) => object.meta.name).join());`,
  );
  const manifest = put(folder, 'piped.yaml', service('piped', 1));
  // By a shell, because Node gives a child a socket, which cannot be opened as a file.
  const command = 'cat "$1" | "$2" "$3"';
  const printed = execFileSync('sh', ['-c', command, 'sh', manifest, process.execPath, script], {
    encoding: 'utf8',
  });
  assert.equal(printed, 'piped\n');
});

test('pipes and devices inside a directory are skipped with a problem', { timeout: 30_000 }, async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', service('a', 1));
  execFileSync('mkfifo', [join(folder, 'pipe.yaml'), join(folder, 'no-manifest')]);
  symlinkSync('/dev/zero', join(folder, 'zero.yaml'));
  const { objects, problems } = await readManifests([folder]);
  assert.deepEqual(
    objects.map(({ meta }) => meta.name),
    ['a'],
  );
  assert.deepEqual(
    problems.map(({ file }) => file.slice(folder.length + 1)),
    ['pipe.yaml', 'zero.yaml'],
  );
  for (const { message } of problems) {
    assert.match(message, /^is a pipe, socket or device inside a directory, and skipped; put a file there/);
  }
});

test('a device that never ends is given up at the limit, where it is named outright', async () => {
  const { objects, problems } = await readManifests(['/dev/zero']);
  assert.deepEqual(objects, []);
  assert.match(problems.map(formatProblem).join(), /^\/dev\/zero: has more than 33554432 bytes; at most/);
});

test('a pipe that is also in a directory is read where it is named', { timeout: 30_000 }, async (t) => {
  const folder = temporaryFolder(t);
  const pipe = join(folder, 'pipe.yaml');
  execFileSync('mkfifo', [pipe]);
  for (const paths of [
    [folder, pipe],
    [pipe, folder],
  ]) {
    const writing = writeFile(pipe, service('piped', 1));
    const { objects, problems } = await readManifests(paths);
    await writing;
    assert.equal(objects.length, 1);
    assert.deepEqual(problems, []);
  }
});
