import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import { notYetRows, type NotYetRow } from '../../src/plugins/not-yet-rows.ts';
import { annotation, definePlugin } from '../../src/plugins/plugin.ts';
import { PluginRegistry } from '../../src/plugins/registry.ts';
import { app, ingress, routesOf, run, serverOf, verdictOf, type RunOptions } from '../translate/world.ts';

const host = 'a.example.com';
const rules = { [host]: ['Prefix / a:80'] };

interface Seen {
  readonly state: string;
  readonly reasons: string;
  readonly route: string;
}

function serve(annotations: Readonly<Record<string, string>>, options: RunOptions = {}): Seen {
  const result = run([...app('a'), ingress('i', { rules, annotations })], options);
  const { state, reasons } = verdictOf(result, 'Ingress/default/i');
  return { state, reasons: reasons.join('\n'), route: routesOf(result, host).join() };
}

/** Each name of an annotation with a value that asks for something. */
function namesOf({ name, alias }: NotYetRow): [string, string][] {
  return [name, ...(alias === undefined ? [] : [alias])].map((each) => [each, 'something']);
}

const open = '/ -> http://default_a_80';
const closed = '/ -> 503';

describe('annotations that are not built yet', () => {
  const closing = notYetRows.filter((row) => row.closes === true).flatMap(namesOf);
  for (const [name, value] of closing) {
    it(`close the routes of an Ingress that asks for ${name}`, () => {
      const { state, reasons, route } = serve({ [name]: value });

      assert.equal(route, closed);
      assert.equal(state, 'rejected');
      assert.match(
        reasons,
        /^metadata\.annotations\["nginx\.ingress\.kubernetes\.io\/[a-z0-9-]+"\]: [a-z-]+ is not supported yet: the routes answer 503/u,
      );
    });
  }

  const off: readonly [string, string][] = [
    ['enable-modsecurity', 'false'],
    ['enable-modsecurity', 'F'],
    ['enable-global-auth', 'false'],
    ['limit-rps', '0'],
    ['proxy-ssl-verify', 'off'],
    ['satisfy', 'all'],
    ['enable-cors', 'false'],
    ['use-regex', 'false'],
    ['enable-access-log', 'true'],
    ['canary', 'false'],
    ['rewrite-target', '  '],
  ];
  for (const [name, value] of off) {
    it(`leave an Ingress alone that sets ${name} to ${JSON.stringify(value)}`, () => {
      assert.deepEqual(serve({ [name]: value }), { state: 'served', reasons: '', route: open });
    });
  }

  const told = notYetRows.filter((row) => row.closes !== true && row.risk !== 'Critical').flatMap(namesOf);
  for (const [name, value] of told) {
    it(`are told to have no effect: ${name}`, () => {
      const { state, reasons, route } = serve({ [name]: value });

      assert.equal(route, open);
      assert.equal(state, 'served-with-difference');
      assert.match(reasons, /"\]: not supported yet: [a-z0-9-]+ has no effect$/u);
    });
  }

  it('refuse an Ingress with a snippet, and keep its paths', () => {
    for (const name of [
      'configuration-snippet',
      'server-snippet',
      'stream-snippet',
      'auth-snippet',
      'modsecurity-snippet',
    ]) {
      const { state, reasons, route } = serve({ [name]: 'return 200;' });

      assert.equal(route, closed);
      assert.equal(state, 'rejected');
      assert.match(reasons, /is of risk Critical, and annotations above High are refused: remove it/u);
      assert.doesNotMatch(reasons, /return 200/u);
    }
  });

  it('close every path of the Ingress, the default one of its host too, and nobody else', () => {
    const result = run([
      ...app('a'),
      ingress('i', {
        age: 2,
        annotations: { 'auth-type': 'basic' },
        rules: { [host]: ['Prefix /x a:80', 'Exact /y a:80'] },
      }),
      ingress('j', { age: 1, rules: { [host]: ['Prefix /z a:80'] } }),
    ]);

    assert.deepEqual(routesOf(result, host), [
      '/z/ -> http://default_a_80',
      '= /z -> http://default_a_80',
      '= /y -> 503',
      '/x/ -> 503',
      '= /x -> 503',
      '/ -> 503',
    ]);
    assert.deepEqual(
      serverOf(result, host).locations.flatMap(({ additions }) => additions),
      [],
    );
    assert.equal(verdictOf(result, 'Ingress/default/j').state, 'served');
  });

  it('say where a blank protection protects nothing', () => {
    const { state, reasons, route } = serve({ 'auth-url': ' \n ' });

    assert.deepEqual([state, route], ['served-with-difference', open]);
    assert.match(reasons, /is blank and protects nothing/u);
  });
});

describe('a canary', () => {
  it('takes neither hosts nor paths, be it the oldest', () => {
    const result = run([
      ...app('a'),
      ...app('b'),
      ingress('canary', {
        age: 9,
        annotations: { canary: 'true', 'canary-weight': '10' },
        rules: { [host]: ['Prefix / b:80'], 'only.example.com': ['Prefix / b:80'] },
      }),
      ingress('main', { age: 1, rules }),
    ]);

    assert.deepEqual(routesOf(result, host), [open]);
    assert.equal(result.model.servers.length, 2);
    // It takes its part where there is a route, and nothing where there is none.
    assert.equal(verdictOf(result, 'Ingress/default/canary').state, 'served-with-difference');
    assert.equal(verdictOf(result, 'Ingress/default/main').state, 'served');
  });
});

describe('names and prefixes', () => {
  it('tell an unknown name and what it may stand for', () => {
    const { state, reasons, route } = serve({ 'auth-ulr': 'x', nonsense: 'y' });

    assert.deepEqual([state, route], ['served-with-difference', open]);
    assert.match(reasons, /auth-ulr"\]: is unknown and has no effect: did you mean auth-url\?/u);
    assert.match(reasons, /nonsense"\]: is unknown and has no effect: remove it or correct its name/u);
  });

  it('leave the annotations of others alone', () => {
    assert.equal(serve({ 'example.com/auth-url': 'x', 'cert-manager.io/issuer': 'y' }).state, 'served');
  });

  it('read our own prefix and the configured one, and tell of that of ingress-nginx where it is not read', () => {
    const plugins = builtinPlugins({ prefix: 'custom.io' });

    assert.equal(serve({ 'cloud-native-gateway.io/auth-url': 'x' }, { plugins }).route, closed);
    assert.equal(serve({ 'custom.io/auth-url': 'x' }, { plugins }).route, closed);
    const other = serve({ 'auth-url': 'x' }, { plugins });
    assert.equal(other.route, open);
    assert.match(
      other.reasons,
      /has no effect: annotations are read under custom\.io\/ \(annotations_prefix\)/u,
    );
  });

  it('let our own prefix and the own name win, and tell what they win over', () => {
    const prefixes = serve({
      'backend-protocol': 'HTTPS',
      'cloud-native-gateway.io/backend-protocol': 'HTTP',
    });
    const same = serve({ 'backend-protocol': 'HTTP', 'cloud-native-gateway.io/backend-protocol': 'HTTP' });

    assert.equal(prefixes.route, open);
    assert.match(prefixes.reasons, /has no effect beside metadata\.annotations\["cloud-native-gateway\.io/u);
    assert.equal(same.state, 'served');
  });
});

describe('plugins that are switched off', () => {
  it('do nothing and tell so', () => {
    const plugins = builtinPlugins({ disabled: ['backend-protocol', 'nobody'] });

    const { reasons, route } = serve({ 'backend-protocol': 'HTTPS' }, { plugins });

    assert.equal(route, open);
    assert.match(reasons, /plugin backend-protocol is switched off: backend-protocol has no effect/u);
  });

  it('never open what is guarded', () => {
    assert.equal(
      serve({ 'auth-url': 'x' }, { plugins: builtinPlugins({ disabled: ['not-yet'] }) }).route,
      closed,
    );
  });
});

describe('a value that does not parse', () => {
  for (const [onInvalid, state, route] of [
    ['default', 'served-with-difference', open],
    ['deny', 'rejected', closed],
    ['reject', 'rejected', closed],
  ] as const) {
    it(`does as its table says: ${onInvalid}`, () => {
      const plugins = new PluginRegistry();
      const row = annotation({
        parse: () => ({ error: 'is wrong' }),
        default: 0,
        description: '',
        onInvalid,
      });
      plugins.register(definePlugin({ name: 'one', order: 1, annotations: { one: row } }));

      const seen = serve({ one: 'x' }, { plugins });

      assert.deepEqual([seen.state, seen.route], [state, route]);
      assert.match(seen.reasons, /kubernetes\.io\/one"\]: is wrong/u);
    });
  }
});
