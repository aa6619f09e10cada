import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Browser } from 'playwright-core';

interface Shot {
  readonly name: string;
  readonly address: string;
  readonly scheme: 'light' | 'dark';
  readonly width: number;
  readonly height: number;
}

const shots: readonly Shot[] = [
  { name: 'overview', address: '/debug/', scheme: 'light', width: 1100, height: 860 },
  {
    name: 'explain',
    address: '/debug/explain?url=https://store.example.com/cart/42',
    scheme: 'light',
    width: 1100,
    height: 860,
  },
  { name: 'routes', address: '/debug/routes?q=store', scheme: 'dark', width: 1100, height: 760 },
  {
    name: 'object',
    address: '/debug/object?object=Ingress/store/store',
    scheme: 'light',
    width: 1100,
    height: 900,
  },
  {
    name: 'config',
    address: '/debug/config?object=Ingress/store/store',
    scheme: 'dark',
    width: 1100,
    height: 760,
  },
  { name: 'phone', address: '/debug/', scheme: 'dark', width: 390, height: 844 },
];

/** Writes the pictures of docs/debug.md into the folder that `CNG_SCREENSHOTS` names; without it nothing. */
export async function takeScreenshots(browser: Browser, base: string): Promise<void> {
  const folder = process.env['CNG_SCREENSHOTS'] ?? '';
  if (folder === '') {
    return;
  }
  await mkdir(folder, { recursive: true });
  for (const { name, address, scheme, width, height } of shots) {
    const context = await browser.newContext({
      baseURL: base,
      colorScheme: scheme,
      viewport: { width, height },
    });
    const page = await context.newPage();
    await page.goto(address);
    await page.screenshot({ path: path.join(folder, `debug-${name}.png`) });
    await context.close();
  }
}
