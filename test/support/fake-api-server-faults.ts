import type { ServerResponse } from 'node:http';
import type { SeenRequest } from './fake-api-server-request.ts';

/** Takes a request over: anything may be done with the response and its socket. */
export type Fault = (response: ServerResponse, request: SeenRequest) => void;

/** A server that answers with this status, as Kubernetes words it. */
export function status(
  code: number,
  options: { readonly retryAfter?: number; readonly body?: string } = {},
): Fault {
  return (response) => {
    const headers = options.retryAfter === undefined ? {} : { 'retry-after': String(options.retryAfter) };
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(
      options.body ??
        JSON.stringify({ kind: 'Status', status: 'Failure', code, message: `made to answer ${code}` }),
    );
  };
}

/** No answer, ever. */
export function hang(): Fault {
  return () => undefined;
}

/** The connection is reset before an answer. */
export function reset(): Fault {
  return (response) => response.socket?.resetAndDestroy();
}

/** Answers 200 with these chunks as they are, then ends, or with `isOpen` leaves the connection open. */
export function raw(chunks: readonly (string | Buffer)[], isOpen = false): Fault {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    for (const chunk of chunks) {
      response.write(chunk);
    }
    if (!isOpen) {
      response.end();
    }
  };
}
