import { Hono } from 'hono';
import type { Context } from 'hono';

/** Told of an exception in a handler; `path` is the request's own and may be hostile text. */
export type ReportError = (error: Error, path: string) => void;

/** An answer that says no: `{"error": message, …more}` with this status. */
export interface Refusal {
  readonly refused: 400 | 401 | 403 | 404 | 503;
  readonly message: string;
  /** Stands beside `error`, for example what does exist. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Of the answer, for example what a 401 asks for. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type Handler = (context: Context) => Response | Refusal | Promise<Response | Refusal>;

/** Whether a value that was asked for is a refusal instead. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value;
}

/**
 * An app that only answers GET and HEAD on exactly these paths: 405 for another method, 404 for another path, both
 * in JSON. Answers are never stored and never guessed at by a browser. `guard` may refuse a request before its
 * handler. An exception is reported and becomes a 500 that says nothing of its cause.
 */
export function createReadOnlyApp(
  routes: Readonly<Record<string, Handler>>,
  report: ReportError,
  guard: (context: Context) => Refusal | null | Promise<Refusal | null> = () => null,
): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    context.header('Cache-Control', 'no-store');
    context.header('X-Content-Type-Options', 'nosniff');
    // A page of another origin cannot even embed an answer.
    context.header('Cross-Origin-Resource-Policy', 'same-origin');
    const refusal = await guard(context);
    if (refusal !== null) {
      return refuse(context, refusal);
    }
    await next();
    return undefined;
  });
  for (const [path, handler] of Object.entries(routes)) {
    app.get(path, async (context) => {
      const answer = await handler(context);
      return isRefusal(answer) ? refuse(context, answer) : answer;
    });
    app.all(path, (context) => {
      context.header('Allow', 'GET, HEAD');
      return context.json({ error: 'method not allowed: this endpoint is read-only, use GET or HEAD' }, 405);
    });
  }
  const paths = Object.keys(routes);
  app.notFound((context) => context.json({ error: 'there is nothing at this path', paths }, 404));
  app.onError((error, context) => {
    report(error, context.req.path);
    return context.json({ error: 'internal error; the log has the details' }, 500);
  });
  return app;
}

function refuse(context: Context, refusal: Refusal): Response {
  return context.json({ error: refusal.message, ...refusal.more }, refusal.refused, { ...refusal.headers });
}
