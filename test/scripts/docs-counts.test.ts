import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countAnnotations, countOptions, countSection } from '../../scripts/docs-counts.ts';
import { ingressNginxAnnotations, ingressNginxOptions } from '../../scripts/ingress-nginx-names.ts';
import { notSupported } from '../../src/options/not-supported.ts';
import { optionTable } from '../../src/options/options.ts';
import { builtinPlugins } from '../../src/plugins/builtin.ts';

describe('what ingress-nginx has', () => {
  it('is recognised: each of its annotations', () => {
    assert.equal(ingressNginxAnnotations.length, 142);
    const registry = builtinPlugins();
    for (const name of ingressNginxAnnotations.flat().filter((each) => !each.includes('/'))) {
      assert.ok(registry.specOf(name) !== null, name);
    }
    assert.equal(countAnnotations().length, 142);
  });

  it('is recognised: each option that has an effect there', () => {
    assert.equal(ingressNginxOptions.length, 190);
    assert.equal(new Set(ingressNginxOptions).size, 190);
    for (const name of ingressNginxOptions) {
      assert.ok(optionTable.has(name) || notSupported.has(name), name);
    }
    assert.equal(countOptions().length, 190);
  });

  it('is counted once, with the reason of what is not the same', () => {
    for (const rows of [countAnnotations(), countOptions()]) {
      assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length);
      for (const { name, became, why } of rows) {
        assert.equal(became === 'same', why === '', name);
      }
    }
    assert.doesNotMatch(countSection(), /`/, 'names in backticks would be read as departures');
  });
});
