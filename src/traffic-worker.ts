import { parentPort, workerData } from 'node:worker_threads';
import { reasonOf } from './errors.ts';
import type { Snapshot, TrafficInput, TrafficMessage, TrafficRequest } from './traffic/protocol.ts';
import { TrafficSession } from './traffic/session.ts';

/** The entry of the thread that reads the traffic log: neither a render nor a scrape can hold it up. */
let onReopened: ((done: boolean) => void) | null = null;

function tell(message: TrafficMessage, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

const session = TrafficSession.open(workerData as TrafficInput, {
  reopen: async () =>
    await new Promise((resolve) => {
      onReopened = resolve;
      tell({ reopen: true });
    }),
  trouble: (trouble, reason) => tell({ trouble, reason }),
});

async function reply(request: Exclude<TrafficRequest, { ask: 'reopened' }>): Promise<void> {
  const { id } = request;
  try {
    const answer = await (await session).answer(request);
    const { routeNumbers, rowNumbers } = (request.ask === 'snapshot' ? answer : {}) as Partial<Snapshot>;
    tell(
      { id, answer },
      [routeNumbers, rowNumbers].flatMap((numbers) => (numbers === undefined ? [] : [numbers.buffer])),
    );
  } catch (error) {
    tell({ id, failure: reasonOf(error) });
  }
}

// A failure to open ends the thread, and is told by its end.
session.catch((error: unknown) => {
  throw error;
});
parentPort?.on('message', (request: TrafficRequest) => {
  if (request.ask === 'reopened') {
    onReopened?.(request.done);
  } else {
    void reply(request);
  }
});
