import { z } from 'zod';
import { isOverflow, type TrafficBook } from './book.ts';

/** A file of the log and how far it has been counted. */
export interface Position {
  readonly inode: string;
  /** The first bytes: a new file may have the inode of one that was removed. */
  readonly head: string;
  readonly offset: number;
  /** It was read to its end and is about to be removed, or is. */
  readonly done: boolean;
}

const numbers = z.array(z.number());

const shape = z.object({
  format: z.literal(1),
  /** What the numbers mean: with other settings they would mean something else. */
  settings: z.string(),
  files: z.array(z.object({ inode: z.string(), head: z.string(), offset: z.number(), done: z.boolean() })),
  lines: z.number(),
  dropped: z.number(),
  malformed: z.number(),
  gaps: z.number(),
  routes: z.array(
    z.object({
      labels: z.object({
        host: z.string(),
        namespace: z.string(),
        ingress: z.string(),
        service: z.string(),
        path: z.string(),
        canary: z.string(),
        canaryUpstream: z.string(),
      }),
      numbers,
      rows: z.array(z.object({ method: z.string(), status: z.string(), numbers })),
    }),
  ),
});

/** Counts and positions of one moment: with both, a gateway that is restarted counts on, each line once. */
export type Saved = z.infer<typeof shape>;

/** Null where the text is no such file. */
export function readSaved(text: string): Saved | null {
  try {
    return shape.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

export function save(book: TrafficBook, files: readonly Position[], gaps: number): Saved {
  const { layout, lines, dropped, malformed } = book;
  return {
    format: 1,
    settings: meaning(book),
    files: [...files],
    lines,
    dropped,
    malformed,
    gaps,
    routes: [...book.routes].map((route) => ({
      labels: route.labels,
      numbers: [...book.routeNumbers.subarray(route.start, route.start + layout.routeWidth)],
      rows: [...route.rows].map(({ method, status, start }) => ({
        method,
        status,
        numbers: [...book.rowNumbers.subarray(start, start + layout.rowWidth)],
      })),
    })),
  };
}

/** Puts counts into an empty book; false where they were made with other settings and count nothing here. */
export function restore(saved: Saved, book: TrafficBook): boolean {
  if (saved.settings !== meaning(book)) {
    return false;
  }
  for (const { labels, numbers: ofRoute, rows } of saved.routes) {
    for (const { method, status, numbers: ofRow } of rows) {
      const row = isOverflow(labels) ? book.overflow(status) : book.restored({ ...labels, method, status });
      book.rowNumbers.set(ofRow.slice(0, book.layout.rowWidth), row.start);
      book.routeNumbers.set(ofRoute.slice(0, book.layout.routeWidth), row.route.start);
    }
  }
  book.lines = saved.lines;
  book.dropped = saved.dropped;
  book.malformed = saved.malformed;
  return true;
}

function meaning({ settings }: TrafficBook): string {
  return JSON.stringify(settings);
}
