import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLineReader } from '../../../src/cluster/kubernetes/line-reader.ts';
import { readWatchEvent } from '../../../src/cluster/kubernetes/watch-event.ts';
import { configMap, service, serviceNames, until, world } from './world.ts';

test('lines come out whole however the bytes are cut', () => {
  const text = '{"a":"ä€😀"}\r\n\n{"b":1}\nrest';
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size += 1) {
    const reader = createLineReader();
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      lines.push(...(reader.push(bytes.subarray(at, at + size)) ?? []));
    }
    assert.deepEqual(lines, ['{"a":"ä€😀"}\r', '', '{"b":1}']);
    assert.ok(reader.hasRest());
  }
});

test('a line over the limit is refused, finished or not', () => {
  assert.equal(createLineReader(4).push(Buffer.from('12345')), null);
  assert.equal(createLineReader(4).push(Buffer.from('12345\n')), null);
  assert.deepEqual(createLineReader(4).push(Buffer.from('1234\n5678\n')), ['1234', '5678']);
  const reader = createLineReader(4);
  assert.deepEqual(reader.push(Buffer.from('123')), []);
  assert.equal(reader.push(Buffer.from('45')), null);
});

test('events of every sort are read, and what is none is told apart', () => {
  const bookmark = readWatchEvent('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"5"}}}');
  assert.deepEqual(bookmark, { kind: 'bookmark', resourceVersion: '5', isEndOfList: false });
  assert.equal(readWatchEvent('{"type":"NEWS","object":{}}').kind, 'unknown');
  for (const line of ['', '{', 'null', '[]', '{"type":"ADDED"}', '{"object":{}}', '{"type":1,"object":{}}']) {
    assert.equal(readWatchEvent(line).kind, 'malformed', line);
  }
  const busy = readWatchEvent('{"type":"ERROR","object":{"code":503,"message":"busy\\nnow"}}');
  assert.deepEqual(busy, { kind: 'error', status: 503, message: 'busy now', retryAfterMs: null });
  assert.equal(readWatchEvent('{"type":"ERROR","object":{"code":500,"reason":"Expired"}}').kind, 'error');
});

test('CRLF, empty lines and characters split over chunks do no harm', async (t) => {
  const { server, store, source } = await world(t, {
    source: {
      references: { prefixes: ['x'], secrets: [], configMaps: ['web/cm'] },
    },
    prepare: (fake) => fake.put(configMap('cm', { text: 'Grüße €😀' })),
  });
  await source.start();
  assert.equal(store.snapshot().configMaps.get('web/cm')?.data['text'], 'Grüße €😀');
  const [watch] = server.watchesOf('services');
  const object = {
    ...service('a'),
    metadata: { name: 'a', namespace: 'web', labels: { l: 'ü€😀' }, resourceVersion: '5000' },
  };
  const line = Buffer.from(`${JSON.stringify({ type: 'ADDED', object })}\r\n\r\n`);
  for (const byte of line) {
    watch?.write(Buffer.from([byte]));
  }
  await until('read', () => serviceNames(store).length === 1);
  assert.equal(store.snapshot().services.get('web/a')?.meta.labels['l'], 'ü€😀');
});

test('a garbage line: reconnected from the last good version, and the event is not lost', async (t) => {
  const { server, store, source, noted } = await world(t);
  await source.start();
  for (const garbage of [
    '{"type":"ADDED","obj\n',
    'garbage\n',
    '{"type":"ADDED","object":{"kind":"Service"}}\n',
  ]) {
    const [watch] = server.watchesOf('services');
    watch?.pause();
    const before = noted.length;
    server.put(service(`s-${garbage.length}`));
    watch?.write(garbage);
    await until('noticed', () => noted.slice(before).some((line) => line.startsWith('Service: skipped')));
    await until('the event came', () => store.snapshot().services.has(`web/s-${garbage.length}`));
  }
  assert.equal(noted.filter((line) => line.startsWith('Service: listed')).length, 1);
});

test('the same garbage twice at the same version is got round by a list', async (t) => {
  const { server, store, source, noted } = await world(t);
  await source.start();
  server.failNext(
    { plural: 'services', verb: 'watch' },
    (response) => {
      response.writeHead(200);
      response.end('garbage\n');
    },
    2,
  );
  server.watchesOf('services')[0]?.end();
  server.put(service('a'));
  await until('the event came', () => serviceNames(store).length === 1);
  assert.deepEqual(
    noted.filter((line) => line.startsWith('Service: listed')),
    ['Service: listed 0', 'Service: listed 1'],
  );
});

test('a line of 20 MiB is not swallowed whole', async (t) => {
  const { server, store, source, noted } = await world(t);
  await source.start();
  const [watch] = server.watchesOf('services');
  watch?.pause();
  server.put(service('a'));
  watch?.write(`{"type":"ADDED","object":{"x":"${'x'.repeat(20 * 1024 * 1024)}"}}\n`);
  await until('the event came', () => serviceNames(store).length === 1);
  assert.ok(noted.some((line) => /^Service: skipped .* 8 MiB$/u.test(line)));
});

test('a stream cut off in the middle of a line loses nothing', async (t) => {
  const { server, store, source } = await world(t);
  await source.start();
  for (const ending of ['end', 'reset'] as const) {
    const [watch] = server.watchesOf('services');
    watch?.pause();
    server.put(service(`s-${ending}`));
    watch?.write('{"type":"ADDED","object":{"kind":"Serv');
    watch?.[ending]();
    await until('the event came', () => store.snapshot().services.has(`web/s-${ending}`));
  }
});
