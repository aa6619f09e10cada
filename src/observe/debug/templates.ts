import type { Context } from 'hono';
import type { TemplateReport } from '../../extensions/report.ts';
import { readQuery } from '../debug-query.ts';
import { redactText } from '../../model/redact.ts';
import { isRefusal, type Refusal } from '../http-server-app.ts';
import { diffView } from './diff.ts';
import { linkTo, readFormat } from './format.ts';
import { diffLines } from './line-diff.ts';
import type { DebugTools } from './tools.ts';

/** `/debug/template`: the templates in force; with `name` the text of one, and how it differs from the built-in. */
export async function showTemplates(
  context: Context,
  { view, pages, json, text }: DebugTools,
): Promise<Response | Refusal> {
  const query = readQuery(context, ['name']);
  const format = readFormat(context, 'json');
  if (isRefusal(query) || isRefusal(format)) {
    return isRefusal(query) ? query : (format as Refusal);
  }
  const templates = view.templates();
  const name = query.get('name');
  if (name !== undefined) {
    const found = templates.textOf(name);
    if (found === null) {
      return { refused: 404, message: `there is no template "${name}"; /debug/template lists all` };
    }
    return format === 'html' ? showOne(context, { view, pages }, name, found) : text(context, [found]);
  }
  if (format !== 'html') {
    return format === 'text' ? text(context, [templates.text()]) : json(context, templates.json());
  }
  const { contract, extensions, troubles, templates: all } = templates.json() as TemplateReport;
  const own = all.filter(({ from, replaces }) => replaces !== null || !from.startsWith('templates/'));
  return pages.show(
    context,
    'templates',
    {
      title: 'Templates',
      section: '/debug/template',
      jsonHref: '/debug/template?format=json',
      textHref: '/debug/template?format=text',
    },
    {
      contract,
      extensions: extensions.map(({ id, from, inForce, trouble }) => ({
        id,
        from,
        inForce,
        isPresent: inForce === 'present',
        trouble: trouble === null ? null : troubleView(trouble),
      })),
      troubles: troubles.map(troubleView),
      own: own.map(row),
      builtin: all.filter((one) => !own.includes(one)).map(row),
    },
  );
}

function row({ name, from, hash, replaces, drifted }: TemplateReport['templates'][number]): object {
  return {
    name,
    from,
    hash: hash.slice(0, 12),
    href: linkTo('/debug/template', { name }),
    replaces: replaces === null ? null : replaces.slice(0, 12),
    drifted: drifted === true,
  };
}

function troubleView({ file, line, message }: TemplateReport['troubles'][number]): object {
  return { place: line === null ? file : `${file}:${line}`, message: redactText(message) };
}

async function showOne(
  context: Context,
  { view, pages }: Pick<DebugTools, 'view' | 'pages'>,
  name: string,
  found: string,
): Promise<Response> {
  const builtin = view.templates().builtinTextOf(name);
  const lines = redactText(found).split('\n');
  return pages.show(
    context,
    'template',
    {
      title: `Template ${name}`,
      section: '/debug/template',
      jsonHref: null,
      textHref: linkTo('/debug/template', { name, format: 'text' }),
    },
    {
      name,
      lines: (lines.at(-1) === '' ? lines.slice(0, -1) : lines).map((line, index) => ({
        number: index + 1,
        text: line,
      })),
      isBuiltin: builtin === found,
      diff: builtin === null || builtin === found ? null : diffView(diffLines(builtin, found), null),
    },
  );
}
