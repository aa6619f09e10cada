import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningGateway } from './gateway.ts';
import type { TcpFront } from './tcp-front.ts';

/** Between two questions to `/ready`: a kubelet asks less often, so it is slower to lead away and to lead to. */
const probeMs = 50;

/** Whether a gateway says that it is ready. */
export async function isReady(gateway: RunningGateway): Promise<boolean> {
  return (await gateway.health('/ready').catch(() => null))?.status === 200;
}

/** As a cluster does: asks the gateways of the set who is ready, and leads new connections there. Ends with the test. */
export function balance(
  t: Pick<TestContext, 'after'>,
  front: TcpFront,
): { readonly gateways: Set<RunningGateway> } {
  const gateways = new Set<RunningGateway>();
  const state = { isOver: false };
  const watching = (async () => {
    while (!state.isOver) {
      const ready: number[] = [];
      for (const gateway of gateways) {
        if (await isReady(gateway)) {
          ready.push(gateway.httpPort);
        }
      }
      front.lead(ready);
      await sleep(probeMs);
    }
  })();
  t.after(async () => {
    state.isOver = true;
    await watching;
  });
  return { gateways };
}
