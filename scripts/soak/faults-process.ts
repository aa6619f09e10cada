import { setTimeout as sleep } from 'node:timers/promises';
import { killGateway } from '../../test/support/cluster-gateway.ts';
import { nginxOf } from '../../test/support/nginx-processes.ts';
import { nothingToUndo, type Fault } from './fault.ts';

/** The reload script, or the nginx that tests, fails in one way for a while. */
function misbehaving(mode: string, name: string, lastsMs: readonly [number, number]): Fault {
  return {
    name,
    groups: ['mode', ...(mode === 'hang' || mode === 'slow' ? ['slow'] : [])],
    lastsMs,
    async inject(world) {
      await world.become(mode);
      return async () => await world.become('good');
    },
  };
}

/** What happens to processes. */
export const processFaults: readonly Fault[] = [
  {
    name: 'the gateway is killed (kill -9) and started again',
    groups: ['gateway'],
    lastsMs: [0, 2000],
    async inject(world) {
      await killGateway(world.gateway);
      return async () => await world.restart();
    },
  },
  {
    name: 'an nginx worker is killed (kill -9)',
    groups: ['master'],
    mayCut: 'a request of each client',
    async inject({ gateway, random }) {
      const { workers } = await nginxOf(gateway);
      // The other one takes connections meanwhile.
      if (workers.length < 2) {
        return null;
      }
      process.kill(random.pick(workers), 'SIGKILL');
      // Until its successor runs: to kill both would be another fault.
      await sleep(300);
      return nothingToUndo;
    },
  },
  {
    name: 'the master of nginx is stopped (SIGSTOP)',
    groups: ['master'],
    lastsMs: [1000, 10_000],
    async inject({ gateway }) {
      const { master } = await nginxOf(gateway);
      if (master === null) {
        return null;
      }
      process.kill(master, 'SIGSTOP');
      return () => {
        process.kill(master, 'SIGCONT');
        return Promise.resolve();
      };
    },
  },
  misbehaving('hang', 'the reload script hangs', [1000, 5000]),
  misbehaving('refuse', 'the reload script refuses', [500, 3000]),
  misbehaving('lie', 'the reload script does nothing and says yes', [500, 3000]),
  misbehaving('slow', 'the test of nginx hangs', [1000, 5000]),
  misbehaving('killed', 'the test of nginx is killed', [500, 3000]),
];
