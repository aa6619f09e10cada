import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { TestContext } from 'node:test';
import { chromium, type Browser } from 'playwright-core';

/** As scripts/setup-chromium.sh looks for them. */
const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** The browser's path: that of `CNG_CHROMIUM`, or the first on PATH; null where there is none. */
export function findChromium(environment: NodeJS.ProcessEnv = process.env): string | null {
  const named = environment['CNG_CHROMIUM'];
  if (named !== undefined && named !== '') {
    return named;
  }
  const folders = (environment['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  const paths = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  return paths.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A headless browser that ends with the test. */
export async function startChromium(t: Pick<TestContext, 'after'>, executablePath: string): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath,
    // Its sandbox refuses root, as whom containers build.
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--disable-dev-shm-usage', '--disable-gpu'],
    timeout: 60_000,
  });
  t.after(async () => {
    await browser.close();
  });
  return browser;
}
