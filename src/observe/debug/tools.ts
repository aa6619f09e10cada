import type { Context } from 'hono';
import type { Refusal } from '../http-server-app.ts';
import type { ControllerView } from '../view.ts';
import type { Pages } from './pages.ts';
import type { RouteSource } from './route-source.ts';

/** What pages are made with. */
export interface DebugTools {
  readonly view: ControllerView;
  readonly pages: Pages;
  readonly routes: RouteSource;
  /** Redacted, and made while it is read. */
  readonly json: (context: Context, value: unknown) => Response;
  readonly text: (context: Context, pieces: Iterable<string>) => Response;
}

/** Answers one path. */
export type Page = (context: Context, tools: DebugTools) => Promise<Response | Refusal>;
