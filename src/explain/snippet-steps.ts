import type { Location } from '../model/model.ts';
import type { Token } from '../model/token.ts';
import type { End, Walk } from './walk.ts';

/** Directives that may answer a request, change its path, or keep somebody out. */
const deciding =
  /^\s*(return|rewrite|if|set|break|error_page|allow|deny|auth_\w+|satisfy|internal|limit_\w+|try_files|proxy_pass|proxy_intercept_errors|empty_gif|stub_status)\b/u;

/** A `return` with a status alone, at the top of a snippet. */
const plainReturn = /^\s*return\s+([1-5]\d\d)\s*;\s*$/u;

/**
 * What somebody's own directives do: a plain `return` is told, of all else that decides about requests that it is
 * there. Null where the request goes on, as far as anybody can tell.
 */
export function explainSnippet(
  lines: readonly Token[],
  name: string,
  object: string | null,
  location: Location | null,
  walk: Walk,
): End | null {
  if (lines.length === 0) {
    return null;
  }
  const found = lines.map(({ text }) => ({ text, name: deciding.exec(text)?.[1] ?? null }));
  const words = [...new Set(found.flatMap((line) => line.name ?? []))];
  const [first] = found.filter((line) => line.name !== null);
  const status = plainReturn.exec(first?.text ?? '')?.[1];
  if (status !== undefined) {
    const text = `${status}: the ${name} says so`;
    return walk.end('snippet', { status: Number(status), location: null, text }, object);
  }
  const where = location === null ? 'the server' : 'the location';
  if (words.length === 0) {
    walk.step('snippet', 'applies', `the ${name} adds ${lines.length} directives to ${where}`, object);
    return null;
  }
  const condition = `the ${name} lets the request go on (${words.join(', ')})`;
  walk.assume('snippet', `the ${name} has directives of its own: ${words.join(', ')}`, condition, object);
  return null;
}
