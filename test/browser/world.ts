import { readFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ingress, serviceOn, tlsSecret } from '../support/objects.ts';
import type { Pair } from '../support/tls.ts';

const prefix = 'nginx.ingress.kubernetes.io';
const builtin = path.resolve(import.meta.dirname, '../../templates');

/** Text that would be markup, a script, or the end of an attribute if anything printed it as it is. */
export const hostile = '"><img src=x onerror=document.title=1><script>document.title=1</script>';

/** Names of teams and of what they run: each pair is an Ingress. */
const teams = ['shop', 'search', 'billing', 'accounts', 'media', 'mail', 'maps', 'data', 'ads', 'support'];
const apps = ['web', 'api', 'admin', 'docs', 'status', 'auth', 'events', 'files', 'reports', 'hooks'];

/** So many Ingresses with a Service each, in ten namespaces; and some in which there is something to see. */
export function debugManifests(
  count: number,
  backendPort: number,
  pair: Pair,
): Record<string, readonly object[]> {
  const plain = Array.from({ length: count }, (_, index) => {
    const team = teams[index % teams.length] ?? '';
    const app = apps[Math.floor(index / teams.length) % apps.length] ?? '';
    const name = `${app}-${Math.floor(index / 100) + 1}`;
    return [
      ingress(name, {
        namespace: team,
        host: `${name}.${team}.example.com`,
        paths: ['/', '/api', '/static'].map((one) => ({ path: one, service: name })),
      }),
      ...serviceOn(name, [backendPort], team),
    ];
  });
  return { 'plain.json': plain.flat(), 'special.json': specials(backendPort, pair) };
}

function specials(backendPort: number, pair: Pair): object[] {
  const inStore = { namespace: 'store' };
  const backends = ['front', 'cart', 'cart-next', 'checkout'];
  return [
    ...backends.flatMap((name) => serviceOn(name, [backendPort], 'store')),
    tlsSecret('store-tls', pair, 'store'),
    ingress('store', {
      ...inStore,
      host: 'store.example.com',
      tls: [{ hosts: ['store.example.com'], secretName: 'store-tls' }],
      paths: [
        { path: '/', service: 'front' },
        { path: '/cart', service: 'cart' },
        { path: '/checkout', service: 'checkout', pathType: 'Exact' },
      ],
      annotations: {
        [`${prefix}/limit-rps`]: '50',
        [`${prefix}/enable-cors`]: 'true',
        [`${prefix}/server-alias`]: 'www.store.example.com',
        'example.com/note': hostile,
      },
    }),
    ingress('cart-canary', {
      ...inStore,
      host: 'store.example.com',
      paths: [{ path: '/cart', service: 'cart-next' }],
      annotations: { [`${prefix}/canary`]: 'true', [`${prefix}/canary-weight`]: '20' },
    }),
    ingress('legacy', {
      ...inStore,
      host: 'old.example.com',
      paths: [{ service: 'front' }],
      annotations: { [`${prefix}/permanent-redirect`]: 'https://store.example.com/' },
    }),
    ingress('locked', {
      ...inStore,
      host: 'locked.example.com',
      paths: [{ service: 'front' }],
      annotations: { [`${prefix}/auth-type`]: 'basic', [`${prefix}/auth-secret`]: 'missing' },
    }),
    ingress('double', {
      ...inStore,
      host: 'store.example.com',
      paths: [{ path: '/cart', service: 'front' }],
    }),
    ingress('typo', {
      ...inStore,
      host: 'typo.example.com',
      paths: [{ service: 'front' }],
      annotations: { [`${prefix}/proxy-body-sise`]: hostile },
    }),
    ingress('wild', { ...inStore, host: '*.apps.example.com', paths: [{ service: 'front' }] }),
    ingress('nowhere', { ...inStore, host: 'nowhere.example.com', paths: [{ service: 'gone' }] }),
    ingress('broken', { ...inStore, host: `not a host ${hostile}`, paths: [{ service: 'front' }] }),
  ];
}

/** An Ingress that translates well and that nginx refuses, with the templates of `refusingTemplates`. */
export function refusedIngress(): object {
  return ingress('refused', {
    namespace: 'store',
    host: 'refused.example.com',
    paths: [{ path: '/(a|b)/.*', pathType: 'ImplementationSpecific', service: 'front' }],
    annotations: { [`${prefix}/use-regex`]: 'true' },
  });
}

/** A template of an operator's own in the place of the built-in one: it prints for regexes what nginx refuses. */
export async function refusingTemplates(folder: string): Promise<string> {
  await mkdir(folder);
  const text = await readFile(path.join(builtin, 'location.hbs'), 'utf8');
  const proxied = text.lastIndexOf('{{#if action.proxy}}') + '{{#if action.proxy}}\n'.length;
  const trap = `${text.slice(0, proxied)}{{#if match.regex}}\nexpires never-ever;\n{{/if}}\n${text.slice(proxied)}`;
  await writeFile(path.join(folder, 'location.hbs'), trap);
  return folder;
}
