import type { Context } from 'hono';
import type { IncomingMessage } from 'node:http';
import { withLines, withTemplates, withVerdict } from '../explain/annotate.ts';
import type { Explanation } from '../explain/explanation.ts';
import { readQuestion, type AskedRequest } from '../explain/request.ts';
import type { TemplateReport } from '../extensions/report.ts';
import { refused } from '../model/token.ts';
import type { DebugTools } from './debug/tools.ts';
import type { Refusal } from './http-server-app.ts';
import type { ControllerView } from './view.ts';

type Explainer = Pick<DebugTools, 'view' | 'explains'>;

/** `header` may stand more than once. */
const parameters = ['url', 'method', 'header', 'client'];

/**
 * Answers `/debug/explain?url=…&method=…&header=…&client=…`: what nginx does with such a request, and why. Explains
 * the generation that is live when it is asked.
 */
export async function showExplanation(context: Context, tools: Explainer): Promise<Explanation | Refusal> {
  const query = new URL(context.req.url).searchParams;
  const unknown = [...query.keys()].find((name) => name !== 'format' && !parameters.includes(name));
  if (unknown !== undefined) {
    return { refused: 400, message: `unknown parameter "${unknown}"`, more: { allowed: parameters } };
  }
  const twice = parameters.find((name) => name !== 'header' && query.getAll(name).length > 1);
  if (twice !== undefined) {
    return { refused: 400, message: `parameter "${twice}" is given twice; give it once` };
  }
  const url = query.get('url');
  if (url === null) {
    return {
      refused: 400,
      message: 'give the URL of a request, for example ?url=http%3A%2F%2Fshop.example.com%2Fcart',
      more: { allowed: parameters },
    };
  }
  return await explainRequest(context, tools, {
    url,
    method: query.get('method') ?? undefined,
    headers: query.getAll('header'),
    client: query.get('client') ?? undefined,
  });
}

/** Explains a request with what is live: its lines and its verdict beside it. One at a time: 503 for too many. */
export async function explainRequest(
  context: Context,
  { view, explains }: Explainer,
  question: Parameters<typeof readQuestion>[0],
): Promise<Explanation | Refusal> {
  const asked = readQuestion(question);
  if (refused(asked)) {
    return { refused: 400, message: asked.error };
  }
  const explanation = await explains.take(
    () => explainLive(view, asked.value),
    () => isGone(context),
  );
  return (
    explanation ?? {
      refused: 503,
      message: 'too many requests are being explained: ask again in a few seconds',
      headers: { 'Retry-After': '2' },
    }
  );
}

async function explainLive(view: ControllerView, asked: AskedRequest): Promise<Explanation | Refusal> {
  const live = view.live();
  const explanation = live === null ? null : await view.explain(asked);
  if (live === null || explanation === null) {
    const reason = view.readiness().reason ?? 'the next generation brings it back';
    return { refused: 503, message: `there is no model to explain from yet: ${reason}` };
  }
  const text = await view.configText(live.number);
  const sourceMap = await view.sourceMap(live.number);
  const replaced = replacedTemplates(view.templates().json());
  const judged = withTemplates(withVerdict(explanation, view.verdicts()), replaced);
  return text === null || sourceMap === null ? judged : withLines(judged, { text, sourceMap });
}

/** Whether the client has hung up. A request without a connection was made in this process. */
function isGone(context: Context): boolean {
  const bindings = context.env as { readonly incoming?: IncomingMessage } | undefined;
  return bindings?.incoming?.socket.destroyed ?? false;
}

/** The names of templates that are an operator's, out of what `/debug/template` says. */
function replacedTemplates(report: unknown): string[] {
  const { templates = [] } = report as Partial<Pick<TemplateReport, 'templates'>>;
  return templates
    .filter(({ contract, replaces }) => contract !== null || replaces !== null)
    .map(({ name }) => name);
}
