import type { Context } from 'hono';
import { isRefusal, type Refusal } from '../http-server-app.ts';

export type Format = 'html' | 'json' | 'text';

const formats: readonly Format[] = ['html', 'json', 'text'];

/**
 * In which form a page is asked for: `?format=`, else HTML where the request accepts `text/html` by name, as a browser
 * does, else `usual`. JSON comes first where it is accepted by name and HTML is not.
 */
export function readFormat(context: Context, usual: Format): Format | Refusal {
  const given = new URL(context.req.url).searchParams.getAll('format');
  if (given.length > 1) {
    return { refused: 400, message: 'parameter "format" is given twice; give it once' };
  }
  const [asked] = given;
  if (asked !== undefined) {
    const known = formats.find((format) => format === asked);
    return known ?? { refused: 400, message: `format: "${asked}" is unknown`, more: { allowed: formats } };
  }
  const accepted = context.req.header('accept') ?? '';
  if (accepted.includes('text/html')) {
    return 'html';
  }
  return accepted.includes('application/json') && usual === 'html' ? 'json' : usual;
}

/** Whether whoever asks reads pages: then a refusal is one, too. */
export function wantsPage(context: Context): boolean {
  const format = readFormat(context, 'json');
  return !isRefusal(format) && format === 'html';
}

/** The address of the same page with other parameters; null removes one. */
export function withParameters(
  context: Context,
  changes: Readonly<Record<string, string | number | null>>,
): string {
  const url = new URL(context.req.url);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) {
      url.searchParams.delete(name);
    } else {
      url.searchParams.set(name, String(value));
    }
  }
  return `${url.pathname}${url.search}`;
}

/** The address of a page with these parameters; those that are null or empty are left out. */
export function linkTo(path: string, parameters: Readonly<Record<string, string | number | null>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== '') {
      search.set(name, String(value));
    }
  }
  const text = search.toString().replaceAll('%2F', '/');
  return text === '' ? path : `${path}?${text}`;
}
