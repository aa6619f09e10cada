import { describeLoad, lostOf, startLoad, type Load, type LoadCount } from '../../test/support/load.ts';
import { guardedHost, stayHost, type World } from './world.ts';

/** What became of the requests of one sort of clients. */
export interface TrafficRow {
  readonly clients: string;
  readonly sent: number;
  readonly lost: number;
  /** What docs/reliability.md allows for the faults that there were; null where that is not a number. */
  readonly allowed: number | null;
  readonly reason: string;
  readonly details: string;
}

export interface Traffic {
  /** How many requests the least busy client has made. */
  rounds(): number;
  /** @param cuts times that a worker was killed */
  stop(cuts: number): Promise<TrafficRow[]>;
}

const clients = 8;

/** Whether idle connections of keep-alive clients may be reset at a reload: before 1.27.4. */
function mayResetIdle(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return major < 1 || (major === 1 && (minor < 27 || (minor === 27 && patch < 4)));
}

/** Starts clients on the hosts that nobody edits. */
export function startTraffic(t: Parameters<typeof startLoad>[0], { gateway, nginx }: World): Traffic {
  const to = { port: gateway.httpPort, clients, restMs: (client: number) => 10 + client };
  const fresh = startLoad(t, { ...to, host: stayHost, keepAlive: false });
  const kept = startLoad(t, { ...to, host: stayHost, keepAlive: true });
  const guard = startLoad(t, { ...to, host: guardedHost, clients: 2, keepAlive: false });
  return {
    rounds: () => Math.min(...[fresh, kept, guard].map((one) => one.rounds())),
    async stop(cuts) {
      const most = cuts * clients;
      return [
        await rowOf('a connection for each request', fresh, most),
        await rowOf('keep-alive', kept, most, mayResetIdle(nginx.version)),
        await guardRow(guard, cuts * 2),
      ];
    },
  };
}

async function rowOf(name: string, load: Load, most: number, isOld = false): Promise<TrafficRow> {
  const count = await load.stop();
  const idle = isOld ? count.resetIdle : 0;
  return {
    clients: name,
    sent: sentOf(count),
    lost: lostOf(count),
    allowed: most + idle,
    reason: [
      most === 0 ? '' : `${most}: a request of each client for each killed worker`,
      isOld ? `${idle}: idle connections that this nginx resets at a reload` : '',
    ]
      .filter((one) => one !== '')
      .join('; '),
    details: describeLoad(count),
  };
}

/** Nobody gets in: an answer of the backend is a loss, a refusal is what is wanted. */
async function guardRow(load: Load, most: number): Promise<TrafficRow> {
  const count = await load.stop();
  const refusals = (count.refused.get(401) ?? 0) + (count.refused.get(503) ?? 0);
  const unanswered = lostOf(count) - refusals;
  return {
    clients: 'without the password, where one is wanted',
    sent: sentOf(count),
    // One that gets in is worth more than all that are lost.
    lost: count.answered === 0 ? unanswered : Number.POSITIVE_INFINITY,
    allowed: most,
    reason: `${count.answered} got in, ${refusals} were refused`,
    details: describeLoad(count),
  };
}

function sentOf(count: LoadCount): number {
  return count.answered + lostOf(count);
}
