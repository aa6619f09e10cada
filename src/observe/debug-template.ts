import type { Context } from 'hono';
import { readChoice, readQuery } from './debug-query.ts';
import { isRefusal, type Refusal } from './http-server-app.ts';
import type { ControllerView } from './view.ts';

/** Either a value for JSON, or text. */
export type TemplateAnswer = { readonly json: unknown } | { readonly text: string };

/** What templates are in force and where they came from; with `name`, the text of one. */
export function showTemplates(context: Context, view: ControllerView): TemplateAnswer | Refusal {
  const query = readQuery(context, ['format', 'name']);
  if (isRefusal(query)) {
    return query;
  }
  const format = readChoice(query, 'format', ['json', 'text']);
  if (isRefusal(format)) {
    return format;
  }
  const templates = view.templates();
  const name = query.get('name');
  if (name !== undefined) {
    const text = templates.textOf(name);
    return text === null
      ? { refused: 404, message: `there is no template "${name}"; /debug/template lists all` }
      : { text };
  }
  return format === 'text' ? { text: templates.text() } : { json: templates.json() };
}
