import type { Context, Hono } from 'hono';
import { verdictStates } from '../model/verdict.ts';
import type { Verdict } from '../model/verdict.ts';
import { createAccess, type Guard } from './access.ts';
import { showConfig, showFailed } from './debug-config.ts';
import { showExplanation } from './debug-explain.ts';
import { createDebugIndex } from './debug-index.ts';
import { kindNames, readChoice, readNumber, readQuery } from './debug-query.ts';
import { jsonPieces } from './debug-redact.ts';
import { streamOf } from './debug-stream.ts';
import { showTemplates } from './debug-template.ts';
import { createReadOnlyApp, isRefusal } from './http-server-app.ts';
import type { Refusal, ReportError } from './http-server-app.ts';
import type { ControllerView, GenerationInfo } from './view.ts';

/** Objects that one generation lists by name; one relist may change ten thousand. */
const maxListedObjects = 100;

export interface DebugOptions {
  readonly version: string;
  /** The folder that has `debug/index.hbs`. */
  readonly templatesFolder: string;
  /** Host names in lower case, without port, that requests may name besides `localhost` and addresses. */
  readonly allowedHosts: readonly string[];
  /** Who may read. Without one: this machine alone. */
  readonly access?: Guard;
}

/**
 * The read-only pages under `/debug/`, for whom `access.ts` lets in. Long answers are made while they are read.
 */
export function createDebugApp(view: ControllerView, options: DebugOptions, report: ReportError): Hono {
  const index = createDebugIndex(view, options.version, options.templatesFolder);

  function json(context: Context, value: unknown): Response {
    const body = streamOf(jsonPieces(value), (error) => report(error, context.req.path));
    return context.body(body, 200, { 'Content-Type': 'application/json; charset=utf-8' });
  }

  function text(context: Context, pieces: Iterable<string>): Response {
    const body = streamOf(pieces, (error) => report(error, context.req.path));
    return context.body(body, 200, { 'Content-Type': 'text/plain; charset=utf-8' });
  }

  const routes = {
    '/debug': (context: Context) => context.redirect('/debug/', 308),
    '/debug/': (context: Context) => {
      const accepted = context.req.header('accept') ?? '';
      if (accepted.includes('application/json') && !accepted.includes('text/html')) {
        return json(context, index.data());
      }
      context.header(
        'Content-Security-Policy',
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
      return context.html(index.html());
    },
    '/debug/config': async (context: Context) => {
      const shown = await showConfig(context, view);
      return isRefusal(shown) ? shown : text(context, shown);
    },
    '/debug/config/failed': (context: Context) => {
      const shown = showFailed(context, view);
      return isRefusal(shown) ? shown : text(context, shown);
    },
    '/debug/model': async (context: Context) => {
      const query = readQuery(context, []);
      if (isRefusal(query)) {
        return query;
      }
      const model = (await view.model()) ?? null;
      return model === null
        ? { refused: 404 as const, message: 'no generation is live yet, so there is no model' }
        : json(context, model);
    },
    '/debug/template': (context: Context) => {
      const shown = showTemplates(context, view);
      if (isRefusal(shown)) {
        return shown;
      }
      return 'text' in shown ? text(context, [shown.text]) : json(context, shown.json);
    },
    '/debug/explain': async (context: Context) => {
      const shown = await showExplanation(context, view);
      return isRefusal(shown) ? shown : json(context, shown);
    },
    '/debug/objects': (context: Context) => {
      const verdicts = chooseVerdicts(context, view.verdicts());
      return isRefusal(verdicts) ? verdicts : json(context, verdicts);
    },
    '/debug/generations': (context: Context) => {
      const query = readQuery(context, ['limit']);
      if (isRefusal(query)) {
        return query;
      }
      const limit = readNumber(query, 'limit');
      return isRefusal(limit)
        ? limit
        : json(
            context,
            view
              .generations()
              .slice(0, limit ?? undefined)
              .map(showGeneration),
          );
    },
  };
  return createReadOnlyApp(
    routes,
    report,
    options.access ?? createAccess({ allowedHosts: options.allowedHosts, tokens: null }),
  );
}

/** Exactly the public fields, whatever else the verdicts may carry. */
function chooseVerdicts(context: Context, verdicts: readonly Verdict[]): Verdict[] | Refusal {
  const query = readQuery(context, ['state', 'kind', 'namespace', 'name', 'limit']);
  if (isRefusal(query)) {
    return query;
  }
  const state = readChoice(query, 'state', verdictStates);
  const kind = readChoice(query, 'kind', kindNames);
  const limit = readNumber(query, 'limit');
  for (const parameter of [state, kind, limit]) {
    if (isRefusal(parameter)) {
      return parameter;
    }
  }
  const namespace = query.get('namespace');
  const name = query.get('name');
  return verdicts
    .filter(
      (verdict) =>
        (state === null || verdict.state === state) &&
        (kind === null || verdict.kind === kind) &&
        (namespace === undefined || verdict.namespace === namespace) &&
        (name === undefined || verdict.name === name),
    )
    .slice(0, typeof limit === 'number' ? limit : undefined)
    .map((verdict) => ({
      kind: verdict.kind,
      namespace: verdict.namespace,
      name: verdict.name,
      state: verdict.state,
      reasons: verdict.reasons.map(({ field, message }) => ({ field, message })),
    }));
}

function showGeneration(info: GenerationInfo): Record<string, unknown> {
  return {
    number: info.number,
    generation: info.generation,
    at: new Date(info.at).toISOString(),
    reasons: info.reasons,
    seconds: info.seconds,
    outcome: info.outcome,
    message: info.message,
    objectsChanged: info.objectsChanged.slice(0, maxListedObjects),
    objectsChangedTotal: info.objectsChanged.length,
    quarantined: info.quarantined.slice(0, maxListedObjects),
    quarantinedTotal: info.quarantined.length,
    textKept: info.textKept,
  };
}
