import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routesOf, searchRoutes, type RouteRow } from '../../../src/observe/debug/route-table.ts';
import { builtView } from './built-view.ts';

function words({ host, path, match, object, targets, answer }: RouteRow): string {
  const led = targets.map(
    ({ service, name, when }) => `${service ?? name}${when === '' ? '' : ` (${when})`}`,
  );
  return [host, path, match, object ?? '-', ...led, answer ?? ''].filter((word) => word !== '').join(' ');
}

test('each rule is one route, with what it leads to', async (t) => {
  const rows = routesOf((await builtView(t)).built.model);
  assert.deepEqual(rows.map(words), [
    '_ / prefix - answers 404',
    'gone.example / prefix Ingress/default/gone answers 503',
    'old.example / prefix Ingress/default/old answered by redirect',
    'shop.example /cart prefix Ingress/default/shop Service/default/cart (otherwise) Service/default/next (20 %, of Ingress/default/canary)',
    'shop.example /pay exact Ingress/default/shop Service/default/front',
    'shop.example / prefix Ingress/default/shop Service/default/front',
    '*.apps.example / prefix Ingress/default/wild Service/default/front',
  ]);
});

test('words are looked for in host, path, object, service and address, in any letter case', async (t) => {
  const rows = routesOf((await builtView(t)).built.model);
  function found(text: string): string[] {
    return searchRoutes(rows, text).map(({ host, path }) => `${host}${path}`);
  }
  assert.equal(searchRoutes(rows, '  ').length, rows.length);
  assert.deepEqual(found('SHOP.example/cart'), ['shop.example/cart']);
  assert.deepEqual(found('next'), ['shop.example/cart']);
  assert.deepEqual(found('10.0.0.1:8080 /pay'), ['shop.example/pay']);
  assert.deepEqual(found('shop nothing'), []);
});
