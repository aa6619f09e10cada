import { setImmediate as breathe } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { gatewayError } from './errors.ts';
import { failureOf } from './worker/failure.ts';
import type { Request, Response, WorkerInput } from './worker/protocol.ts';
import { openSession } from './worker/session.ts';

/** The worker thread's entry: one question after the other, each answered or failed. */
const { data, memory } = workerData as WorkerInput;
const session = openSession(data, memory, (notice, fields) => {
  parentPort?.postMessage({ notice, fields } satisfies Response);
});

async function reply(request: Request): Promise<void> {
  const { id } = request;
  let response: Response;
  try {
    response = { id, answer: await (await session).answer(request) };
  } catch (error) {
    response = { id, failure: failureOf(error) };
  }
  // A promise that a plugin has left rejected ends this thread now, and not when its answer has been believed.
  await breathe();
  parentPort?.postMessage(await unlessSpoilt(id, response));
}

/** In a thread in which a plugin has changed the language itself no answer can be believed, and none is given after it. */
async function unlessSpoilt(id: number, response: Response): Promise<Response> {
  const changed = await session.then(
    ({ changedIntrinsic }) => changedIntrinsic(),
    () => null,
  );
  if (changed === null) {
    return response;
  }
  const known =
    'failure' in response && response.failure.code === 'CNG_PLUGIN_BROKEN' ? response.failure : null;
  const reason = `a plugin has changed ${changed}, which everything else in its thread uses`;
  return { id, failure: known ?? failureOf(gatewayError('CNG_WORKER_CRASHED', { reason })), isSpoilt: true };
}

// A failure to open is told with every answer; without this it would end the thread before the first question.
session.catch(() => undefined);
parentPort?.on('message', (request: Request) => {
  void reply(request);
});
