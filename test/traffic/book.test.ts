import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { graceMs, overflowPath, TrafficBook, type RouteEntry } from '../../src/traffic/book.ts';
import { layoutOf } from '../../src/traffic/layout.ts';
import { emptyLine, readLine } from '../../src/traffic/line.ts';
import { readSaved, restore, save } from '../../src/traffic/saved.ts';
import { historyOf, totalsOf } from '../../src/traffic/views.ts';
import { line, trafficSettings } from './settings.ts';

function bookOf(more: Parameters<typeof trafficSettings>[0] = {}): TrafficBook {
  const settings = trafficSettings(more);
  return new TrafficBook(settings, layoutOf(settings));
}

function count(book: TrafficBook, ...lines: readonly string[]): void {
  for (const text of lines) {
    const bytes = Buffer.from(text);
    const read = emptyLine();
    assert.ok(readLine(bytes, 0, bytes.length, read), text);
    book.record(read);
  }
}

function routeTo(ingress: string, path = '/'): string {
  return `- shop ${ingress} web 80 ${path}`;
}

function isOfWeb({ labels }: RouteEntry): boolean {
  return labels.ingress === 'web';
}

describe('the book of requests', () => {
  it('sums requests up by route and status class', () => {
    const book = bookOf();
    count(book, line({}), line({ time: '0.500' }), line({ status: '404' }), line({ route: routeTo('api') }));
    count(book, line({ status: '404', route: '' }));
    const { routes, ...all } = totalsOf(book, null);
    assert.equal(all.requests, 5);
    assert.deepEqual(all.byClass, { '1xx': 0, '2xx': 3, '3xx': 0, '4xx': 2, '5xx': 0, other: 0 });
    assert.equal(all.responseBytes, 7500);
    assert.deepEqual(
      routes.map(({ ingress, requests }) => [ingress, requests]),
      [
        ['api', 1],
        ['web', 3],
      ],
    );
    const [, web] = routes;
    assert.equal(web?.duration?.count, 3);
    assert.ok(Math.abs((web?.duration?.mean ?? 0) - 0.524 / 3) < 1e-9);
    assert.ok((web?.duration?.p99 ?? 0) > 0.1 && (web?.duration?.p99 ?? 0) <= 1);
    assert.equal(totalsOf(book, { namespace: 'shop', ingress: 'api' }).requests, 1);
    assert.equal(totalsOf(book, { namespace: 'other' }).requests, 0);
    count(
      book,
      line({ route: 'b.example shop hosts web 80 /' }),
      line({ route: 'a.example shop hosts web 80 /' }),
    );
    assert.deepEqual(
      totalsOf(book, { namespace: 'shop', ingress: 'hosts' }).routes.map(
        ({ host, endpoint }) => host + endpoint,
      ),
      ['a.example/', 'b.example/'],
    );
  });

  it('keeps the last hour, by the time of the requests', () => {
    const book = bookOf();
    const seconds = 1_763_856_000;
    count(book, line({ at: `${seconds}.000` }), line({ at: `${seconds + 95}.000`, route: routeTo('api') }));
    const { bucketMs, buckets } = historyOf(book, null, (seconds + 100) * 1000);
    assert.equal(bucketMs, 30_000);
    assert.deepEqual(
      buckets.map(({ at, requests }) => [at - seconds * 1000, requests]),
      [
        [0, 1],
        [30_000, 0],
        [60_000, 0],
        [90_000, 1],
      ],
    );
    const own = historyOf(book, { namespace: 'shop', ingress: 'api' }, (seconds + 100) * 1000);
    assert.deepEqual(
      own.buckets.map(({ requests }) => requests),
      [1],
    );
    const later = historyOf(book, null, (seconds + 4000) * 1000);
    assert.deepEqual(later.buckets, []);
  });

  it('has no more series than are allowed, and says how many requests have none of their own', () => {
    const settings = trafficSettings();
    const { seriesPerRoute, seriesPerRow } = layoutOf(settings);
    // Six routes and the rows of all others: one namespace has three.
    const reserved = seriesPerRoute + 6 * seriesPerRow;
    const book = bookOf({ maxSeries: 6 * (seriesPerRoute + seriesPerRow) + reserved });
    for (let number = 0; number < 50; number += 1) {
      count(book, line({ route: routeTo(`app-${number}`) }));
    }
    count(book, line({ route: routeTo('app-1') }));
    assert.ok(book.series <= book.settings.maxSeries);
    assert.equal(book.dropped, 47);
    assert.equal(totalsOf(book, null).requests, 51);
    assert.deepEqual(
      [...book.routes].map(({ labels }) => labels.path),
      ['/', '/', '/', overflowPath],
    );
  });

  it('leaves other namespaces room, whatever one of them has', () => {
    const { seriesPerRoute, seriesPerRow } = layoutOf(trafficSettings());
    const book = bookOf({
      maxSeries: 12 * (seriesPerRoute + seriesPerRow) + seriesPerRoute + 6 * seriesPerRow,
    });
    for (let number = 0; number < 50; number += 1) {
      count(book, line({ route: `- greedy web web 80 /${number}` }));
    }
    assert.equal(book.dropped, 44);
    count(book, line({ status: '503' }), line({ status: '503' }));
    assert.equal(book.dropped, 44);
    assert.equal(totalsOf(book, { namespace: 'shop', ingress: 'web' }).byClass['5xx'], 2);
    count(book, line({ route: '- greedy web web 80 /0', status: '500' }));
    assert.equal(book.dropped, 45, 'it has its share');
    const now = performance.now();
    book.sweep(({ labels }) => labels.namespace === 'shop', now);
    book.sweep(({ labels }) => labels.namespace === 'shop', now + 2 * graceMs);
    count(book, line({ route: '- greedy web web 80 /new' }));
    assert.equal(book.dropped, 45, 'its room is its again');
  });

  it('counts what has no series of its own by class of status, in the last hour, too', () => {
    const { seriesPerRoute, seriesPerRow } = layoutOf(trafficSettings());
    const maxSeries = seriesPerRoute + 6 * seriesPerRow;
    const book = bookOf({ maxSeries });
    for (const status of ['101', '200', '204', '302', '404', '500', '503', '999', '000']) {
      count(book, line({ status }));
    }
    assert.equal(book.dropped, 9);
    assert.ok(book.series <= maxSeries);
    const byClass = { '1xx': 1, '2xx': 2, '3xx': 1, '4xx': 1, '5xx': 2, other: 2 };
    assert.deepEqual(totalsOf(book, null).byClass, byClass);
    const { buckets } = historyOf(book, null, 1_763_856_001_000);
    assert.deepEqual(
      buckets.map((bucket) => bucket.byClass),
      [byClass],
    );
    const shown = [...book.routes].flatMap((route) =>
      [...route.rows].map(({ status }) => [route.labels.path, status]),
    );
    assert.deepEqual(
      shown,
      ['1xx', '2xx', '3xx', '4xx', '5xx', '000'].map((status) => [overflowPath, status]),
    );
    const saved = readSaved(JSON.stringify(save(book, [], 0)));
    const next = bookOf({ maxSeries });
    assert.ok(saved !== null && restore(saved, next));
    assert.deepEqual(totalsOf(next, null), totalsOf(book, null));
  });

  it('gives one route no room of others, whatever its backend answers', () => {
    const book = bookOf();
    for (let status = 200; status < 500; status += 1) {
      count(book, line({ status: String(status) }));
    }
    count(book, line({ route: routeTo('api') }));
    assert.equal(book.dropped, 300 - 64);
    assert.equal(totalsOf(book, { namespace: 'shop', ingress: 'api' }).requests, 1);
  });

  it('tells classes of statuses in the place of statuses', () => {
    const book = bookOf({ statusClasses: true });
    count(book, line({}), line({ status: '204' }), line({ status: '204' }));
    const rows = [...book.routes].flatMap((route) => [...route.rows]);
    assert.deepEqual(
      rows.map(({ status, start }) => [status, book.rowNumbers[start]]),
      [['2xx', 3]],
    );
  });

  it('forgets the routes of an object that is gone, when their last requests are over', () => {
    const book = bookOf();
    count(book, line({}), line({ route: routeTo('api') }), line({ route: '' }));
    const before = book.series;
    const version = book.version;
    // A whole number: the sums below are exact.
    const now = Math.ceil(performance.now());
    book.sweep(isOfWeb, now);
    book.sweep(isOfWeb, now + graceMs / 2);
    assert.equal(book.series, before);
    book.sweep(() => true, now + graceMs);
    book.sweep(isOfWeb, now + graceMs);
    assert.equal(book.series, before, 'it was there again in between');
    book.sweep(isOfWeb, now + 2 * graceMs);
    assert.ok(book.series < before);
    assert.notEqual(book.version, version);
    assert.deepEqual(
      totalsOf(book, null).routes.map(({ ingress }) => ingress),
      ['web'],
    );
    count(book, line({ route: routeTo('api') }));
    assert.equal(totalsOf(book, { namespace: 'shop', ingress: 'api' }).requests, 1, 'the place was emptied');
  });

  it('goes on from what was written down', () => {
    const book = bookOf({ maxSeries: 1000 });
    for (let number = 0; number < 30; number += 1) {
      count(
        book,
        line({ route: routeTo(`app-${number}`) }),
        line({ status: '500', route: routeTo(`app-${number}`) }),
      );
    }
    const text = JSON.stringify(save(book, [{ inode: '1', head: 'x', offset: 7, done: false }], 2));
    const saved = readSaved(text);
    assert.ok(saved !== null);
    const next = bookOf({ maxSeries: 1000 });
    assert.ok(restore(saved, next));
    assert.deepEqual(totalsOf(next, null), totalsOf(book, null));
    assert.deepEqual([next.lines, next.dropped, next.series], [book.lines, book.dropped, book.series]);
    assert.ok(book.dropped > 0);
    assert.equal(restore(saved, bookOf({ maxSeries: 2000 })), false, 'other settings, other numbers');
    assert.equal(readSaved('{"format":1}'), null);
    assert.equal(readSaved('{'), null);
  });
});
