import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../src/extensions/ledger.ts';
import { makeUnit, type Unit } from '../../src/extensions/unit.ts';

function plugin(name: string, text: string): Unit {
  const from = `/plugins/${name}.plugin.js`;
  return makeUnit({
    id: `plugin ${name}`,
    source: 'plugin directory',
    from,
    templates: [],
    plugin: { name, from, text },
  });
}

const trouble = { file: '/plugins/a.plugin.js', line: 3, message: 'no' };

function textsOf(units: readonly Unit[]): (string | null | undefined)[] {
  return units.map((unit) => unit.plugin?.text);
}

test('a new form is on trial until it is accepted', () => {
  const ledger = new Ledger();

  assert.equal(ledger.offer('plugin directory', { units: [plugin('a', '1')], troubles: [] }), true);
  assert.deepEqual(textsOf(ledger.choose().onTrial), ['1']);
  ledger.accept(ledger.choose().units);

  assert.deepEqual(ledger.choose().onTrial, []);
  assert.deepEqual(textsOf(ledger.choose().units), ['1']);
  assert.equal(
    ledger.offer('plugin directory', { units: [plugin('a', '1')], troubles: [] }),
    false,
    'no news',
  );
});

test('a refused form gives way to the last good one, and is not tried again until it is edited', () => {
  const ledger = new Ledger();
  ledger.offer('plugin directory', { units: [plugin('a', '1')], troubles: [] });
  ledger.accept(ledger.choose().units);
  ledger.offer('plugin directory', { units: [plugin('a', '2')], troubles: [] });

  assert.equal(ledger.hasPrevious(plugin('a', '2')), true);
  ledger.refuse(plugin('a', '2'), trouble);

  assert.deepEqual(textsOf(ledger.choose().units), ['1']);
  assert.deepEqual(ledger.choose().onTrial, []);
  assert.deepEqual(
    ledger.status().map(({ inForce, trouble: told }) => [inForce, told]),
    [['previous', trouble]],
  );
  ledger.offer('plugin directory', { units: [plugin('a', '3')], troubles: [] });
  assert.deepEqual(textsOf(ledger.choose().onTrial), ['3']);
});

test('a form that was good and fails later is out of use, and told to be missing', () => {
  const ledger = new Ledger();
  ledger.offer('plugin directory', { units: [plugin('a', '1'), plugin('b', '1')], troubles: [] });
  ledger.accept(ledger.choose().units);

  ledger.refuse(plugin('a', '1'), trouble);

  assert.deepEqual(
    ledger.choose().units.map(({ id }) => id),
    ['plugin b'],
  );
  assert.deepEqual(
    ledger.choose().missing.map(({ unit, trouble: told }) => [unit.id, told.message]),
    [['plugin a', 'no']],
  );
});

test('what is removed is gone at once, and nothing of it is remembered', () => {
  const ledger = new Ledger();
  ledger.offer('plugin directory', { units: [plugin('a', '1')], troubles: [] });
  ledger.accept(ledger.choose().units);

  assert.equal(ledger.offer('plugin directory', { units: [], troubles: [] }), true);
  assert.deepEqual(ledger.choose().units, []);
  ledger.accept([]);

  ledger.offer('plugin directory', { units: [plugin('a', '2')], troubles: [] });
  assert.equal(ledger.hasPrevious(plugin('a', '2')), false);
});

test('templates of a ConfigMap come after those of a folder, and both after the partials of plugins', () => {
  const ledger = new Ledger();
  const templates = [{ name: 'answer', from: 'x', text: '' }];
  const folder = makeUnit({ id: 'z', source: 'template folder', from: '/t', templates, plugin: null });
  const map = makeUnit({ id: 'a', source: 'template ConfigMap', from: 'c', templates, plugin: null });

  ledger.offer('template ConfigMap', { units: [map], troubles: [] });
  ledger.offer('template folder', { units: [folder], troubles: [] });
  ledger.offer('plugin directory', { units: [plugin('b', '1')], troubles: [] });

  assert.deepEqual(
    ledger.choose().units.map(({ id }) => id),
    ['plugin b', 'z', 'a'],
  );
});

test('what was good in an earlier life is tried anew, and takes the place of a broken form', () => {
  const ledger = new Ledger();
  ledger.recall([plugin('a', '1'), plugin('gone', '1')]);
  ledger.offer('plugin directory', { units: [plugin('a', '1')], troubles: [] });
  assert.deepEqual(textsOf(ledger.choose().onTrial), ['1'], 'this nginx may be another one');
  ledger.accept(ledger.choose().units);
  assert.deepEqual(textsOf(ledger.choose().onTrial), []);

  const later = new Ledger();
  later.recall([plugin('a', '1')]);
  later.offer('plugin directory', { units: [plugin('a', 'broken')], troubles: [] });
  later.refuse(plugin('a', 'broken'), trouble);

  assert.deepEqual(textsOf(later.choose().units), ['1']);
  assert.deepEqual(textsOf(later.choose().onTrial), ['1']);
  later.refuse(plugin('a', '1'), trouble);
  assert.deepEqual(
    later.choose().missing.map(({ unit }) => unit.id),
    ['plugin a'],
  );
});

test('a form that outgrows its limits gives way to the one before it', () => {
  const ledger = new Ledger();
  for (const text of ['1', '2']) {
    ledger.offer('plugin directory', { units: [plugin('a', text)], troubles: [] });
    ledger.accept(ledger.choose().units);
  }

  ledger.refuse(plugin('a', '2'), trouble);

  assert.deepEqual(textsOf(ledger.choose().units), ['1']);
  assert.deepEqual(
    ledger.status().map(({ inForce }) => inForce),
    ['previous'],
  );
  ledger.accept(ledger.choose().units);
  ledger.refuse(plugin('a', '1'), trouble);
  assert.deepEqual(textsOf(ledger.choose().units), [], 'and that one to nothing');
});
