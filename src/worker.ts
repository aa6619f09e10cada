import { parentPort, workerData } from 'node:worker_threads';
import { failureOf } from './worker/failure.ts';
import type { Request, Response, WorkerInput } from './worker/protocol.ts';
import { openSession } from './worker/session.ts';

/** The worker thread's entry: one question after the other, each answered or failed. */
const { data, memory } = workerData as WorkerInput;
const session = openSession(data, memory, (notice, fields) => {
  parentPort?.postMessage({ notice, fields } satisfies Response);
});

async function reply(request: Request): Promise<void> {
  let response: Response;
  try {
    response = { id: request.id, answer: await (await session).answer(request) };
  } catch (error) {
    response = { id: request.id, failure: failureOf(error) };
  }
  parentPort?.postMessage(response);
}

// A failure to open is told with every answer; without this it would end the thread before the first question.
session.catch(() => undefined);
parentPort?.on('message', (request: Request) => {
  void reply(request);
});
