import type { Answer } from './api-client.ts';
import type { Failure } from './transport.ts';

/** Why something could not be found out from the API server. */
export interface Problem {
  readonly problem: string;
  /** The server does not let us read it: that ends only when somebody changes the rights. */
  readonly isForbidden: boolean;
  /** There is no such thing. */
  readonly isAbsent: boolean;
}

export function readProblem(reply: Answer | Failure, what: string): Problem {
  if (reply.kind === 'failure') {
    return { problem: `${what} cannot be read: ${reply.reason}`, isForbidden: false, isAbsent: false };
  }
  const remedy = reply.status === 403 ? '; allow get and list of it to the service account' : '';
  return {
    problem: `${what} cannot be read: the API server answers ${reply.status}: ${reply.message}${remedy}`,
    isForbidden: reply.status === 403,
    isAbsent: reply.status === 404,
  };
}
