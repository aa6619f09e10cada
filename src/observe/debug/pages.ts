import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Handlebars from 'handlebars';
import type { Context } from 'hono';
import { redactText } from '../../model/redact.ts';
import type { Refusal } from '../http-server-app.ts';
import type { ControllerView } from '../view.ts';

/** Nothing but what this address itself serves: no page can load, run or send anything else. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const suffix = '.hbs';

/** What the menu has, in its order. */
const menu = [
  { path: '/debug/', name: 'Overview' },
  { path: '/debug/routes', name: 'Routes' },
  { path: '/debug/objects', name: 'Objects' },
  { path: '/debug/explain', name: 'Explain' },
  { path: '/debug/config', name: 'Config' },
  { path: '/debug/generations', name: 'Generations' },
  { path: '/debug/template', name: 'Templates' },
] as const;

export type MenuPath = (typeof menu)[number]['path'];

/** What every page has around what is its own. */
export interface PageFrame {
  readonly title: string;
  /** The entry of the menu that the page belongs to. */
  readonly section: MenuPath;
  /** Where the same is as JSON and as text; null where it is not. */
  readonly jsonHref: string | null;
  readonly textHref: string | null;
}

/** A file that pages load. */
export interface Asset {
  readonly type: string;
  readonly text: string;
}

/** Compiled once; a page is a template of its name in `templates/debug/` and its data. */
export interface Pages {
  readonly assets: ReadonlyMap<string, Asset>;
  /**
   * The page, with 200 or the status and headers of `refusal`, which the page itself tells of. `data` has every field
   * that the template names: one that is missing throws.
   */
  show(context: Context, page: string, frame: PageFrame, data: object, refusal?: Refusal | null): Response;
  /** A refusal as a page. */
  refuse(context: Context, refusal: Refusal): Response;
}

const assetTypes: Readonly<Record<string, string>> = {
  'style.css': 'text/css; charset=utf-8',
  'script.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

/**
 * Reads and compiles the templates of the debug pages. Values are escaped by Handlebars itself; an instance of our own
 * knows no helper of the nginx templates. Throws when a file is not there or is no template.
 */
export function createPages(view: ControllerView, version: string, templatesFolder: string): Pages {
  const folder = join(templatesFolder, 'debug');
  const environment = Handlebars.create();
  const templates = new Map<string, Handlebars.TemplateDelegate>();
  const compile = { strict: true, knownHelpersOnly: true, preventIndent: true } as const;
  for (const file of readdirSync(folder).filter((name) => name.endsWith(suffix))) {
    const template = environment.compile(readFileSync(join(folder, file), 'utf8'), compile);
    const name = file.slice(0, -suffix.length);
    environment.registerPartial(name, template);
    templates.set(name, template);
  }
  const assets = new Map(
    Object.entries(assetTypes).map(([name, type]) => [
      name,
      { type, text: readFileSync(join(folder, name), 'utf8') },
    ]),
  );
  const assetVersion = createHash('sha256')
    .update([...assets.values()].map(({ text }) => text).join('\n'))
    .digest('hex')
    .slice(0, 8);

  function render(page: string, frame: PageFrame, data: object): string {
    const template = templates.get(page);
    if (template === undefined) {
      throw new Error(`there is no page ${page}`);
    }
    const { ready, reason } = view.readiness();
    return template({
      ...data,
      frame: {
        ...frame,
        version,
        assetVersion,
        ready,
        readyReason: reason === null ? null : redactText(reason),
        live: view.live(),
        menu: menu.map(({ path, name }) => ({ path, name, isCurrent: path === frame.section })),
      },
    });
  }

  function secure(context: Context): void {
    context.header('Content-Security-Policy', contentSecurityPolicy);
    context.header('Referrer-Policy', 'same-origin');
    context.header('Vary', 'Accept');
  }

  return {
    assets,
    show(context, page, frame, data, refusal) {
      secure(context);
      return context.html(render(page, frame, data), refusal?.refused ?? 200, { ...refusal?.headers });
    },
    refuse(context, { refused, message, more = {} }) {
      secure(context);
      const frame = { title: refused === 404 ? 'Not there' : 'Not possible', jsonHref: null, textHref: null };
      const section = menu.find(({ path }) => path === context.req.path)?.path ?? '/debug/';
      const details = Object.entries(more).map(([name, value]) => ({
        name,
        values: (Array.isArray(value) ? value : [value]).map((one) =>
          redactText(typeof one === 'string' ? one : JSON.stringify(one)),
        ),
      }));
      const data = { status: refused, message: redactText(message), details };
      return context.html(render('refusal', { ...frame, section }, data), refused);
    },
  };
}
