import type { Model } from '../model/model.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { TemplateSource } from './template-check.ts';
import { compileTemplates } from './templates.ts';
import { Viewer } from './view.ts';

/** Like the brackets of provenance: characters that no token can hold. */
const open = '\u0005';
const close = '\u0006';

/** Where a line of nginx.conf was written. */
export interface TemplateLine {
  /** `TemplateSource.from`. */
  readonly file: string;
  readonly line: number;
}

/** Marks each line of a template's own text with the template and the line it stands in. */
export function markLines(program: hbs.AST.Program, template: number): void {
  for (const statement of program.body) {
    if (statement.type === 'ContentStatement') {
      markContent(statement as hbs.AST.ContentStatement, template);
    } else if (statement.type === 'BlockStatement') {
      const block = statement as hbs.AST.BlockStatement;
      for (const inner of [block.program, block.inverse]) {
        if (inner) {
          markLines(inner, template);
        }
      }
    }
  }
}

function markContent(content: hbs.AST.ContentStatement, template: number): void {
  // What stands around a block tag on a line of its own is cut off `value`; `original` still has it.
  const { original } = content as unknown as { original: string };
  const cut = Math.max(original.indexOf(content.value), 0);
  let line = content.loc.start.line + countLineEnds(original.slice(0, cut));
  const lines = content.value.split('\n').map((text) => {
    const marked = text.trim() === '' ? text : `${open}${template}:${line}${close}${text}`;
    line += 1;
    return marked;
  });
  content.value = lines.join('\n');
}

/**
 * The line of a template that a line of the rendered text came from; null where no template's own text is in it.
 * Renders everything once more: for messages about a text that was refused.
 */
export function findTemplateLine(
  sources: readonly TemplateSource[],
  model: Model,
  capabilities: Capabilities,
  wanted: number,
): TemplateLine | null {
  const marked = compileTemplates(sources, markLines).render(new Viewer().view(model, capabilities));
  const text = marked.replaceAll(/\u0001[^\u0002]*\u0002|\u0003/gu, '').split('\n')[wanted - 1] ?? '';
  const found = new RegExp(`${open}(\\d+):(\\d+)${close}`, 'u').exec(text);
  const source = sources[Number(found?.[1] ?? -1)];
  return source === undefined ? null : { file: source.from, line: Number(found?.[2]) };
}

function countLineEnds(text: string): number {
  return text.split('\n').length - 1;
}
