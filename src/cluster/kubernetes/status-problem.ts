import type { Answer } from './api-client.ts';
import type { Failure } from './transport.ts';

/** Why something could not be found out from the API server. */
export interface Problem {
  readonly problem: string;
}

export function readProblem(reply: Answer | Failure, what: string): Problem {
  if (reply.kind === 'failure') {
    return { problem: `${what} cannot be read: ${reply.reason}` };
  }
  const remedy = reply.status === 403 ? '; allow get and list of it to the service account' : '';
  return {
    problem: `${what} cannot be read: the API server answers ${reply.status}: ${reply.message}${remedy}`,
  };
}
