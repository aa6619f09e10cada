import type { Context } from 'hono';
import { withParameters } from './format.ts';

/** Where one stands in a long list, as the partial `pager` prints it. */
export interface Pager {
  /** Counted from 1. */
  readonly page: number;
  readonly pages: number;
  /** The first and last one shown, counted from 1; both 0 where there is none. */
  readonly first: number;
  readonly last: number;
  readonly total: number;
  /** Null at the ends. */
  readonly previousHref: string | null;
  readonly nextHref: string | null;
}

/** The part of a list that a page shows. A page beyond the end is the last one: lists shrink while one reads. */
export function paged<T>(
  context: Context,
  all: readonly T[],
  asked: number | null,
  size: number,
): { readonly shown: readonly T[]; readonly pager: Pager } {
  const pages = Math.max(1, Math.ceil(all.length / size));
  const page = Math.min(asked ?? 1, pages);
  const start = (page - 1) * size;
  const shown = all.slice(start, start + size);
  return {
    shown,
    pager: {
      page,
      pages,
      first: shown.length === 0 ? 0 : start + 1,
      last: start + shown.length,
      total: all.length,
      previousHref: page === 1 ? null : withParameters(context, { page: page - 1 }),
      nextHref: page === pages ? null : withParameters(context, { page: page + 1 }),
    },
  };
}
