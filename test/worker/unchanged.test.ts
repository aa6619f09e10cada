import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Server } from '../../src/model/model.ts';
import { token } from '../../src/model/token.ts';
import { UnchangedServers } from '../../src/worker/unchanged.ts';

function server(name: string, path: string): Server {
  return {
    origin: `Ingress/default/${name}`,
    listeners: ['http'],
    isDefault: false,
    names: [{ exact: token('host', name), regex: null }],
    certificate: null,
    additions: [],
    endings: [],
    locations: [
      {
        origin: `Ingress/default/${name}`,
        field: null,
        match: { exact: null, prefix: token('path', path), beforeRegexes: false, regex: null },
        trafficRoute: null,
        additions: [],
        requestHeaders: [],
        responseHeaders: [],
        action: { proxy: null, answer: { status: 404, json: null } },
      },
    ],
    internals: [],
  };
}

describe('unchanged servers', () => {
  it('are the objects of the last build, and changed ones are not', () => {
    const unchanged = new UnchangedServers();
    const [a, b] = unchanged.keep([server('a.example', '/'), server('b.example', '/')]);
    const [againA, againB] = unchanged.keep([server('a.example', '/'), server('b.example', '/new')]);
    assert.equal(againA, a);
    assert.notEqual(againB, b);
    assert.deepEqual(againB, server('b.example', '/new'));
  });

  it('are found in any order, and forgotten when they are gone', () => {
    const unchanged = new UnchangedServers();
    const [a, b] = unchanged.keep([server('a.example', '/'), server('b.example', '/')]);
    assert.deepEqual(unchanged.keep([server('b.example', '/'), server('a.example', '/')]), [b, a]);
    unchanged.keep([]);
    const [fresh] = unchanged.keep([server('a.example', '/')]);
    assert.notEqual(fresh, a);
  });

  it('differ where one has a field more, or a list instead of a record', () => {
    const unchanged = new UnchangedServers();
    const plain = server('a.example', '/');
    const [before] = unchanged.keep([{ ...plain, additions: [{ plugin: 'x', settings: { a: [] } }] }]);
    const [after] = unchanged.keep([{ ...plain, additions: [{ plugin: 'x', settings: { a: {} } }] }]);
    assert.notEqual(after, before);
    const [wider] = unchanged.keep([
      { ...plain, additions: [{ plugin: 'x', settings: { a: {}, b: null } }] },
    ]);
    assert.notEqual(wider, after);
  });

  it('keeps every server of a list, also where two have one name', () => {
    const servers = [server('a.example', '/'), server('a.example', '/other')];
    const unchanged = new UnchangedServers();
    assert.deepEqual(unchanged.keep(servers), servers);
    assert.deepEqual(unchanged.keep(servers), servers);
  });
});
