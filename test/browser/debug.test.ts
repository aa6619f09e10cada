import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { startBackend } from '../support/backend.ts';
import { findChromium, startChromium } from '../support/chromium.ts';
import { applied, eventually, startGateway, type RunningGateway } from '../support/gateway.ts';
import { http } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { ingress } from '../support/objects.ts';
import { makePair } from '../support/tls.ts';
import { takeScreenshots } from './screenshots.ts';
import { debugManifests, refusedIngress, refusingTemplates } from './world.ts';

const count = 1000;

/** A loaded machine makes a page slow, never wrong. */
const patienceMs = 60_000;

const everyPage = [
  '/debug/',
  '/debug/routes',
  '/debug/routes?q=store',
  '/debug/objects?state=served-with-difference',
  '/debug/object?object=Ingress/store/store',
  '/debug/object?object=Service/store/front',
  '/debug/object?object=Secret/store/store-tls',
  '/debug/explain',
  '/debug/explain?url=https://store.example.com/cart',
  '/debug/config',
  '/debug/config?object=Ingress/store/store',
  '/debug/config?q=store',
  '/debug/config/failed',
  '/debug/generations',
  '/debug/diff',
  '/debug/template',
  '/debug/template?name=location',
];

interface Site {
  readonly gateway: RunningGateway;
  readonly browser: Browser;
  readonly base: string;
}

/** A page on which whatever the browser complains about fails the test. */
async function open(
  t: TestContext,
  { browser, base }: Site,
  address: string,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ baseURL: base, ...options });
  context.setDefaultTimeout(patienceMs);
  const complaints: string[] = [];
  const page = await context.newPage();
  page.on('console', (message) => {
    // The browser complains of the page's own 400, which is right for a question that cannot be read.
    const isOwnStatus = message.location().url === page.url() && /status of 400 /u.test(message.text());
    if (!isOwnStatus && (message.type() === 'error' || message.type() === 'warning')) {
      complaints.push(`${page.url()}: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`));
  page.on('requestfailed', (request) => {
    // Whoever leaves a page before its icon is there gives that up.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') {
      complaints.push(`${request.url()} failed`);
    }
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(base)) {
      complaints.push(`${request.url()} is elsewhere`);
    }
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  await go(page, address);
  return page;
}

async function go(page: Page, address: string): Promise<void> {
  const answer = await page.goto(address, { waitUntil: 'load' });
  assert.equal(answer?.status(), 200, address);
}

async function textOf(page: Page, selector: string): Promise<string> {
  return await page.locator(selector).first().innerText();
}

/** Makes a form go, and waits for what comes. */
async function press(page: Page, name: string): Promise<void> {
  await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name, exact: true }).click()]);
}

async function follow(page: Page, selector: string): Promise<void> {
  await Promise.all([page.waitForEvent('load'), page.locator(selector).first().click()]);
}

test('the debug pages in a browser, at 1,000 Ingresses', { timeout: 600_000 }, async (t) => {
  const chromium = findChromium();
  const nginx = nginxBinaries().at(-1);
  if (chromium === null || nginx === undefined) {
    t.skip('there is no Chromium: run scripts/setup-chromium.sh, or name one in CNG_CHROMIUM');
    return;
  }
  const backend = await startBackend(t, 'app', (request, response) => {
    response.statusCode = request.url?.startsWith('/fail') === true ? 500 : 200;
    response.end('ok');
  });
  const templates = await refusingTemplates(path.join(await temporaryDirectory(t), 'templates'));
  const pair = await makePair({ names: ['store.example.com'] });
  const gateway = await startGateway(t, {
    nginx,
    manifests: debugManifests(count, backend.port, pair),
    config: { nginx: { template_path: templates }, log: { level: 'warn' } },
  });
  const site = { gateway, browser: await startChromium(t, chromium), base: gateway.debugAddress };
  // Not before the templates have been served once: then they would be at fault.
  await applied(gateway, async () => {
    await gateway.write('refused.json', refusedIngress());
  });
  await applied(gateway, async () => {
    const paths = [{ service: 'front' }];
    await gateway.write(
      'late.json',
      ingress('late', { namespace: 'store', host: 'late.example.com', paths }),
    );
  });

  // First of all: a chart has whole half minutes.
  for (let index = 0; index < 40; index += 1) {
    await gateway.get('late.example.com', index % 5 === 0 ? '/fail' : '/');
  }
  const inspect = await readFile(path.join(import.meta.dirname, 'inspect-page.js'), 'utf8');
  await t.test('every page is whole, in both colours, wide and on a phone', async (inner) => {
    for (const options of [
      { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
      { colorScheme: 'dark', viewport: { width: 320, height: 640 } },
    ] as const) {
      const page = await open(inner, site, '/debug/', options);
      for (const address of everyPage) {
        await go(page, address);
        const faults = await page.evaluate<string[]>(inspect);
        assert.deepEqual(faults, [], `${address} at ${options.viewport.width}`);
      }
    }
  });

  await t.test('with a keyboard alone: skip link, focus that is seen, / for the search', async (inner) => {
    const page = await open(inner, site, '/debug/');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.id'), 'main');
    await page.keyboard.press('Tab');
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
    assert.equal(outline, 'solid');
    await Promise.all([page.waitForURL(/\/debug\/routes/u), page.keyboard.press('/')]);
    await page.waitForFunction(`document.activeElement.name === 'q'`);
    await page.keyboard.type('store/cart');
    await Promise.all([page.waitForURL(/q=/u), page.keyboard.press('Enter')]);
    await page.locator('table.routes').waitFor();
    assert.match(await textOf(page, '[role=status]'), /of 3,01\d routes have all of these words/u);
    await page.locator('h1').click();
    await page.keyboard.press('/');
    assert.equal(await page.evaluate('document.activeElement.name'), 'q');
  });

  await t.test('routes are searched and paged without JavaScript', async (inner) => {
    const page = await open(inner, site, '/debug/routes', { javaScriptEnabled: false });
    assert.equal(await page.locator('table.routes tbody tr').count(), 100);
    await follow(page, 'a[rel=next]');
    assert.match(page.url(), /page=2/u);
    assert.match(await textOf(page, '.pager'), /101–200 of 3012|101–200 of 3,?01\d/u);
    await page.locator('input[name=q]').fill('billing api-3');
    await press(page, 'Search');
    const hosts = await page.locator('table.routes .host').allInnerTexts();
    assert.deepEqual(new Set(hosts), new Set(['api-3.billing.example.com']));
    assert.match(await textOf(page, 'table.routes'), new RegExp(`127\\.0\\.0\\.1:${backend.port}`, 'u'));
    await follow(page, 'table.routes a[href*="Ingress"]');
    assert.match(await textOf(page, 'h1'), /^api-3/u);
  });

  await t.test(
    'from a state to its objects, to what one became, with hostile text as text',
    async (inner) => {
      const page = await open(inner, site, '/debug/');
      await follow(page, '.tiles a:has-text("rejected")');
      assert.match(await textOf(page, 'table.objects'), /Ingress\/store\/broken[^]*not a host/u);
      await go(page, '/debug/objects?q=proxy-body-sise');
      await follow(page, 'table.objects a');
      assert.match(await textOf(page, 'h1'), /typo/u);
      assert.match(await textOf(page, '.reasons'), /did you mean proxy-body-size\?/u);
      assert.match(await textOf(page, '.plain-text'), /<script>document\.title=1<\/script>/u);
      assert.equal(await page.title(), 'Ingress/store/typo · cloud-native-gateway');
      assert.equal(await page.locator('main img, main script').count(), 0);
      await go(page, '/debug/object?object=Ingress/store/store');
      const lines = await textOf(page, '.code');
      assert.match(lines, /server_name store\.example\.com www\.store\.example\.com/u);
      assert.doesNotMatch(lines, /late\.example\.com/u);
      assert.match(await textOf(page, '.endpoints'), /127\.0\.0\.1/u);
      await go(page, '/debug/object?object=Secret/store/store-tls');
      assert.match(await textOf(page, '.plain-text'), /data: '\[redacted\]'/u);
    },
  );

  await t.test('a line of the configuration has an address, and each block its object', async (inner) => {
    const text = (await gateway.debugText('/debug/config')).body.split('\n');
    const number = text.findIndex((line) => line.includes('server_name late.example.com;')) + 1;
    const page = await open(inner, site, `/debug/config#L${number}`);
    await page.locator(`#L${number}`).waitFor();
    assert.equal(await page.locator(`#L${number}:target`).count(), 1);
    assert.match(await textOf(page, `#L${number}`), /server_name late\.example\.com;/u);
    assert.ok((await page.locator('.code .line').count()) <= 1000);
    await follow(page, '.code .origin:text-is("Ingress/store/late")');
    assert.match(await textOf(page, 'h1'), /^late/u);
    await go(page, '/debug/config');
    await page.locator('input[name=q]').fill('LATE.example.com');
    await press(page, 'Search');
    assert.equal(await page.locator('.hits li').count(), 1);
    await follow(page, '.hits a');
    assert.equal(await page.locator(`#L${number}:target`).count(), 1);
  });

  await t.test('two generations are compared, in all and for one object', async (inner) => {
    const page = await open(inner, site, '/debug/generations');
    const numbers = await page.locator('select[name=from] option').allInnerTexts();
    await page.locator('select[name=from]').selectOption(numbers.at(-1) ?? '');
    await page.locator('select[name=to]').selectOption(numbers[0] ?? '');
    await press(page, 'Compare');
    const added = await page.locator('.diff .added').allInnerTexts();
    assert.match(added.join('\n'), /server_name late\.example\.com;/u);
    assert.ok(added.length < 200, 'and nothing that stayed');
    await page.locator('input[name=object]').fill('Ingress/store/late');
    await press(page, 'Compare');
    assert.ok((await page.locator('.diff .added').count()) > 5);
    assert.equal(await page.locator('.diff .removed').count(), 0);
    await page.locator('input[name=object]').fill('Ingress/store/store');
    await press(page, 'Compare');
    assert.match(await textOf(page, '.lead'), /^Nothing/u);
  });

  await t.test('what was refused has its line, and an own template what it changes', async (inner) => {
    const page = await open(inner, site, '/debug/');
    await follow(page, 'a[href="/debug/config/failed"]');
    assert.match(await textOf(page, '.line.marked'), /expires never-ever;/u);
    assert.match(await textOf(page, '.notice'), /Ingress\/store\/refused/u);
    await go(page, '/debug/template');
    await follow(page, 'section[aria-labelledby=own] a:text-is("location")');
    assert.match((await page.locator('.diff .added').allInnerTexts()).join('\n'), /expires never-ever;/u);
  });

  await t.test('a request is explained, with the lines that take it', async (inner) => {
    const page = await open(inner, site, '/debug/explain');
    await page.locator('input[name=url]').fill('https://store.example.com/cart/1?x=2');
    await press(page, 'Explain');
    assert.match(await textOf(page, '.verdict-line'), /Service\/store\/cart /u);
    assert.match(await textOf(page, '.path'), /rate-limit/u);
    await follow(page, '.path a[href*="/debug/config?line"] >> nth=1');
    assert.match(await textOf(page, '.line:target'), /location/u);
    await go(page, '/debug/explain?url=http://old.example.com/');
    assert.match(await textOf(page, '.verdict-line'), /301/u);
    await page.locator('summary:has-text("Headers")').click();
    await page.locator('textarea').fill('X-A: 1\nX-B: 2');
    await page.locator('select[name=method]').selectOption('POST');
    await press(page, 'Explain');
    assert.match(await textOf(page, '.path'), /POST \//u);
    assert.equal(await page.locator('textarea').inputValue(), 'X-A: 1\nX-B: 2');
    await page.locator('input[name=url]').fill('no url');
    await press(page, 'Explain');
    assert.equal(await page.locator('[role=alert]').count(), 1);
  });

  await t.test('traffic is drawn, with words and a table', async (inner) => {
    const page = await open(inner, site, '/debug/');
    await eventually(
      'a chart',
      async () => {
        await go(page, '/debug/object?object=Ingress/store/late');
        return (await page.locator('.chart svg').count()) === 3;
      },
      120_000,
    );
    const words = await page.locator('.chart desc').allTextContents();
    assert.match(words[1] ?? '', /5xx: .*at most [\d.]+\/s at \d\d:\d\d/u);
    await page.locator('summary:has-text("Requests as a table")').click();
    assert.ok((await page.locator('.chart table tbody tr').count()) > 0);
    assert.match(await textOf(page, '.figures'), /8 \(20 %\)/u);
  });

  await t.test('a page of another host reads nothing', async () => {
    const { port } = new URL(site.base);
    const answer = await http({ port: Number(port), host: 'evil.example', path: '/debug/' });
    assert.equal(answer.status, 403);
  });

  await takeScreenshots(site.browser, site.base);
});
