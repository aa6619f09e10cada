import type { Context } from 'hono';
import type { Refusal } from '../http-server-app.ts';
import type { Turns } from '../turns.ts';
import type { ControllerView } from '../view.ts';
import type { Pages } from './pages.ts';
import type { RouteSource } from './route-source.ts';

/** What pages are made with. */
export interface DebugTools {
  readonly view: ControllerView;
  readonly pages: Pages;
  readonly routes: RouteSource;
  /** The thread that explains is the one that renders: questions must not keep changes waiting. */
  readonly explains: Turns;
  /** Redacted, and made while it is read. */
  readonly json: (context: Context, value: unknown) => Response;
  readonly text: (context: Context, pieces: Iterable<string>) => Response;
}

/** Answers one path. */
export type Page = (context: Context, tools: DebugTools) => Promise<Response | Refusal>;
