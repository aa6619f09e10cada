import type { Context, Hono } from 'hono';
import { createAccess, type Guard } from './access.ts';
import { readQuery } from './debug-query.ts';
import { jsonPieces } from './debug-redact.ts';
import { streamOf } from './debug-stream.ts';
import { showConfigPage, showFailedPage } from './debug/config.ts';
import { showDiff } from './debug/diff.ts';
import { showExplainPage } from './debug/explain.ts';
import { wantsPage } from './debug/format.ts';
import { showGenerations } from './debug/generations.ts';
import { showObject } from './debug/object.ts';
import { showObjects } from './debug/objects.ts';
import { showOverview } from './debug/overview.ts';
import { createPages } from './debug/pages.ts';
import { RouteSource } from './debug/route-source.ts';
import { showRoutes } from './debug/routes.ts';
import { showTemplates } from './debug/templates.ts';
import type { DebugTools, Page } from './debug/tools.ts';
import { showTraffic } from './debug/traffic.ts';
import { createReadOnlyApp, isRefusal } from './http-server-app.ts';
import type { Handler, Refusal, ReportError } from './http-server-app.ts';
import { createTurns } from './turns.ts';
import type { ControllerView } from './view.ts';

export interface DebugOptions {
  readonly version: string;
  /** The folder that has `debug/*.hbs`. */
  readonly templatesFolder: string;
  /** Host names in lower case, without port, that requests may name besides `localhost` and addresses. */
  readonly allowedHosts: readonly string[];
  /** Who may read. Without one: this machine alone. */
  readonly access?: Guard;
}

/** To `/debug/explain`, beside the one that is answered: each takes up to a tenth of a second. */
const mostWaitingQuestions = 8;

/**
 * The read-only pages under `/debug/`, for whom `access.ts` lets in: HTML for browsers, JSON or text for all others
 * (`debug/format.ts`). Long answers are made while they are read.
 */
export function createDebugApp(view: ControllerView, options: DebugOptions, report: ReportError): Hono {
  const pages = createPages(view, options.version, options.templatesFolder);

  function body(context: Context, pieces: Iterable<string>, type: string): Response {
    const stream = streamOf(pieces, (error) => report(error, context.req.path));
    return context.body(stream, 200, { 'Content-Type': `${type}; charset=utf-8`, Vary: 'Accept' });
  }

  const tools: DebugTools = {
    view,
    pages,
    routes: new RouteSource(view),
    explains: createTurns(mostWaitingQuestions),
    json: (context, value) => body(context, jsonPieces(value), 'application/json'),
    text: (context, pieces) => body(context, pieces, 'text/plain'),
  };

  function page(show: Page): Handler {
    return async (context) => {
      const answer = await show(context, tools);
      return isRefusal(answer) && wantsPage(context) ? pages.refuse(context, answer) : answer;
    };
  }

  const routes: Record<string, Handler> = {
    '/debug': (context) => context.redirect('/debug/', 308),
    '/debug/': page((context) => showOverview(context, tools, options.version)),
    '/debug/routes': page(showRoutes),
    '/debug/objects': page(showObjects),
    '/debug/object': page(showObject),
    '/debug/config': page(showConfigPage),
    '/debug/config/failed': page(showFailedPage),
    '/debug/explain': page(showExplainPage),
    '/debug/generations': page(showGenerations),
    '/debug/diff': page(showDiff),
    '/debug/template': page(showTemplates),
    '/debug/model': page(showModel),
    '/debug/traffic': page(showTraffic),
  };
  for (const [name, { type, text }] of pages.assets) {
    routes[`/debug/${name}`] = (context) => context.body(text, 200, { 'Content-Type': type });
  }
  return createReadOnlyApp(
    routes,
    report,
    options.access ?? createAccess({ allowedHosts: options.allowedHosts, tokens: null }),
  );
}

/** `/debug/model`: what the templates were given; only as JSON. */
async function showModel(context: Context, { view, json }: DebugTools): Promise<Response | Refusal> {
  const query = readQuery(context, []);
  if (isRefusal(query)) {
    return query;
  }
  const model = (await view.model()) ?? null;
  return model === null
    ? { refused: 404 as const, message: 'no generation is live yet, so there is no model' }
    : json(context, model);
}
