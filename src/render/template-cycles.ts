import Handlebars from 'handlebars';
import { gatewayError } from '../errors.ts';
import type { TemplateSource } from './template-check.ts';

interface Use {
  readonly name: string;
  readonly line: number;
}

/**
 * Nothing in the contract is nested in itself, so that a template that prints itself, be it through others, does so
 * without end.
 * @throws GatewayError CNG_TEMPLATE_BROKEN with file and line, an operator's template first
 */
export function refuseCycles(sources: readonly TemplateSource[], programs: readonly hbs.AST.Program[]): void {
  const uses = new Map(sources.map(({ name }, index) => [name, usesOf(programs[index])]));
  const ordered = [...sources].sort((a, b) => Number(b.isOwn === true) - Number(a.isOwn === true));
  for (const source of ordered) {
    for (const { name, line } of uses.get(source.name) ?? []) {
      const way = wayTo(source.name, name, uses);
      if (way !== null) {
        const reason = `it prints itself without end: ${[source.name, ...way].join(' > ')}`;
        throw gatewayError('CNG_TEMPLATE_BROKEN', { template: source.from, line, reason });
      }
    }
  }
}

/** The shortest way from one partial to another, both of them in it; null where there is none. */
function wayTo(target: string, from: string, uses: ReadonlyMap<string, readonly Use[]>): string[] | null {
  const ways: string[][] = [[from]];
  const seen = new Set([from]);
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const last = way.at(-1) ?? '';
    if (last === target) {
      return way;
    }
    for (const { name } of uses.get(last) ?? []) {
      if (!seen.has(name)) {
        seen.add(name);
        ways.push([...way, name]);
      }
    }
  }
  return null;
}

class Uses extends Handlebars.Visitor {
  readonly found: Use[] = [];

  override PartialStatement({ name, loc }: hbs.AST.PartialStatement): void {
    if (name.type === 'PathExpression') {
      this.found.push({ name: name.original, line: loc.start.line });
    }
  }
}

function usesOf(program: hbs.AST.Program | undefined): readonly Use[] {
  const visitor = new Uses();
  if (program !== undefined) {
    visitor.accept(program);
  }
  return visitor.found;
}
