import type { RequestHeader, ResponseHeader } from './model.ts';
import type { Token } from './token.ts';

/** Directives that somebody wrote and that may be printed in the block they are for. */
export interface Snippet {
  /** One for each directive, blocks with all that is in them. */
  readonly lines: readonly Token<'snippet'>[];
  /** Headers are no lines of their own: a block with one of its own loses those of the blocks around it. */
  readonly requestHeaders: readonly RequestHeader[];
  readonly responseHeaders: readonly ResponseHeader[];
  /** What of it does not do what it says, in words that follow the name of the snippet. */
  readonly remarks: readonly string[];
}
