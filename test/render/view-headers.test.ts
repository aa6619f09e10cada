import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headerName } from '../../src/model/header.ts';
import type { InternalLocation, Location, RequestHeader, ResponseHeader } from '../../src/model/model.ts';
import { token } from '../../src/model/token.ts';
import { identifier, keyword } from '../../src/model/words.ts';
import { HeaderViews } from '../../src/render/view-headers.ts';

function header(name: string, value: string): RequestHeader {
  return { name: headerName(name), value: token('text', value) };
}

function answered(name: string): ResponseHeader {
  return { name: headerName(name), value: token('text', 'x'), always: true, replace: true };
}

const base = {
  requestHeaders: [header('Host', 'outer'), header('X-Real-IP', 'address'), header('Connection', 'x')],
  responseHeaders: [answered('Strict-Transport-Security')],
  hidden: [headerName('X-Powered-By')],
};

function location(origin: string, more: Partial<Location> = {}, grpc = false): Location {
  return {
    origin,
    field: null,
    match: { exact: null, prefix: token('path', '/'), beforeRegexes: false, regex: null },
    trafficRoute: null,
    additions: [],
    requestHeaders: [],
    responseHeaders: [],
    action: {
      proxy: {
        protocol: keyword(grpc ? 'grpc' : 'http'),
        grpc,
        fastcgi: false,
        upstream: identifier('u'),
        external: null,
        split: null,
      },
      answer: null,
    },
    ...more,
  };
}

function internal(requestHeaders: readonly RequestHeader[]): InternalLocation {
  return {
    path: null,
    named: identifier('n'),
    slot: 'internal',
    settings: {},
    requestHeaders,
    upstream: null,
    plugin: 'p',
    origin: 'a',
  };
}

/** What nginx makes of it: the headers of the location, else of the server, else of http. */
function inForce(
  views: HeaderViews,
  all: readonly Location[],
  which: Location,
  internals: InternalLocation[] = [],
) {
  const server = views.ofServer({ locations: all, internals }, false);
  const own = server.of(which);
  function nearest<T>(listOf: (headers: typeof own) => readonly T[]): readonly T[] {
    return (
      [own, ...server.shared.map(({ headers }) => headers), views.http()]
        .map(listOf)
        .find((list) => list.length > 0) ?? []
    );
  }
  const isGrpc = which.action.proxy?.grpc === true;
  return {
    printed: own.request.length + own.grpcRequest.length,
    request: Object.fromEntries(
      nearest((headers) => (isGrpc ? headers.grpcRequest : headers.request)).map(({ name, value }) => [
        name.text,
        value.text,
      ]),
    ),
    response: nearest(({ response }) => response).map(({ name }) => name.text),
    hidden: nearest((headers) => (isGrpc ? headers.grpcHidden : headers.hidden)).map(({ text }) => text),
  };
}

const host = [header('Host', 'inner')];
const cors = [answered('Access-Control-Allow-Origin')];

describe('the headers of a server', () => {
  it('are printed once where locations have them alike, and each location gets what it asked for', () => {
    const views = new HeaderViews(base);
    const a = location('a', { requestHeaders: host, responseHeaders: cors });
    const b = location('a', { requestHeaders: host, responseHeaders: cors });
    const all = [a, b];

    const server = views.ofServer({ locations: all, internals: [] }, false);
    assert.deepEqual(
      server.shared.map(({ origin }) => origin),
      ['a', 'a'],
    );
    const found = inForce(views, all, a);
    assert.equal(found.printed, 0);
    assert.deepEqual(found.request, { Host: 'inner', 'X-Real-IP': 'address', Connection: 'x' });
    assert.deepEqual(found.response, ['Strict-Transport-Security', 'Access-Control-Allow-Origin']);
    assert.deepEqual(found.hidden, [
      'X-Powered-By',
      'Strict-Transport-Security',
      'Access-Control-Allow-Origin',
    ]);
  });

  it('never reach a location of another object', () => {
    const views = new HeaderViews(base);
    const a = location('a', { requestHeaders: host, responseHeaders: cors });
    const stranger = location('b');
    const all = [a, location('a', { requestHeaders: host, responseHeaders: cors }), stranger];

    const found = inForce(views, all, stranger);
    assert.deepEqual(found.request, { Host: 'outer', 'X-Real-IP': 'address', Connection: 'x' });
    assert.deepEqual(found.response, ['Strict-Transport-Security']);
    assert.deepEqual(inForce(views, all, a).response, [
      'Strict-Transport-Security',
      'Access-Control-Allow-Origin',
    ]);
  });

  it('never reach an internal location', () => {
    const views = new HeaderViews(base);
    const locations = [location('a', { requestHeaders: host }), location('a', { requestHeaders: host })];
    const asked = internal([]);
    const server = views.ofServer({ locations, internals: [asked] }, false);

    assert.equal(server.shared.length, 1);
    assert.deepEqual(
      server.ofInternal(asked).request.map(({ value }) => value.text),
      ['outer', 'address', 'x'],
    );
  });

  it('of answers are not shared with those of the server itself or of named locations', () => {
    const views = new HeaderViews(base);
    const locations = [location('a', { responseHeaders: cors }), location('a', { responseHeaders: cors })];

    assert.deepEqual(views.ofServer({ locations, internals: [] }, true).shared, []);
    assert.deepEqual(views.ofServer({ locations, internals: [internal([])] }, false).shared, []);
  });

  it('are not shared over gRPC, which has none of one connection', () => {
    const views = new HeaderViews(base);
    const grpc = location('a', { requestHeaders: host, responseHeaders: cors }, true);
    const all = [grpc, location('a', { requestHeaders: host, responseHeaders: cors })];

    assert.deepEqual(views.ofServer({ locations: all, internals: [] }, false).shared, []);
    const found = inForce(views, all, grpc);
    assert.deepEqual(found.request, { Host: 'inner', 'X-Real-IP': 'address' });
    assert.deepEqual(found.hidden, [
      'X-Powered-By',
      'Strict-Transport-Security',
      'Access-Control-Allow-Origin',
    ]);
  });

  it('stay with http where nobody asks for any', () => {
    const views = new HeaderViews(base);
    const all = [location('a'), location('a')];

    assert.deepEqual(views.ofServer({ locations: all, internals: [] }, false).shared, []);
    assert.equal(inForce(views, all, all[0] ?? location('a')).printed, 0);
  });
});
