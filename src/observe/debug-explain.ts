import type { Context } from 'hono';
import { withLines, withTemplates, withVerdict } from '../explain/annotate.ts';
import type { Explanation } from '../explain/explanation.ts';
import { readQuestion } from '../explain/request.ts';
import type { TemplateReport } from '../extensions/report.ts';
import { refused } from '../model/token.ts';
import type { Refusal } from './http-server-app.ts';
import type { ControllerView } from './view.ts';

/** `header` may stand more than once. */
const parameters = ['url', 'method', 'header', 'client'];

/**
 * Answers `/debug/explain?url=…&method=…&header=…&client=…`: what nginx does with such a request, and why. Explains
 * the generation that is live when it is asked.
 */
export async function showExplanation(
  context: Context,
  view: ControllerView,
): Promise<Explanation | Refusal> {
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
  return await explainRequest(view, {
    url,
    method: query.get('method') ?? undefined,
    headers: query.getAll('header'),
    client: query.get('client') ?? undefined,
  });
}

/** Explains a request with what is live: its lines and its verdict beside it. */
export async function explainRequest(
  view: ControllerView,
  question: Parameters<typeof readQuestion>[0],
): Promise<Explanation | Refusal> {
  const asked = readQuestion(question);
  if (refused(asked)) {
    return { refused: 400, message: asked.error };
  }
  const live = view.live();
  const explanation = live === null ? null : await view.explain(asked.value);
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

/** The names of templates that are an operator's, out of what `/debug/template` says. */
function replacedTemplates(report: unknown): string[] {
  const { templates = [] } = report as Partial<Pick<TemplateReport, 'templates'>>;
  return templates
    .filter(({ contract, replaces }) => contract !== null || replaces !== null)
    .map(({ name }) => name);
}
