import { setTimeout as sleep } from 'node:timers/promises';
import type { NginxBinary } from '../../test/support/nginx-binaries.ts';
import { endNginxWith } from '../../test/support/nginx-processes.ts';
import { compareWithFresh, settle, type EndReport } from './ending.ts';
import { apiFaults, slowApiFaults } from './faults-api.ts';
import { objectFaults } from './faults-objects.ts';
import { operatorFaults } from './faults-operator.ts';
import { processFaults } from './faults-process.ts';
import type { Fault } from './fault.ts';
import { randomFrom } from './random.ts';
import { startTraffic, type TrafficRow } from './traffic.ts';
import { startWorld, type World } from './world.ts';

export interface SoakOptions {
  readonly nginx: NginxBinary;
  /** Of faults; what comes before and after takes about half a minute more. */
  readonly seconds: number;
  readonly seed: number;
  /** Told of each fault as it begins and ends. */
  readonly tell: (line: string) => void;
  /** Ends the faults early; the ending is as ever. */
  readonly signal?: AbortSignal;
}

export interface SoakReport extends EndReport {
  readonly seconds: number;
  /** By name; 0 for those that did not come up. */
  readonly faults: ReadonlyMap<string, number>;
  readonly traffic: readonly TrafficRow[];
}

/** Faults at a time. */
const mostActive = 3;
/** After so many, everything is undone, and each host must answer as it should. */
const betweenRests = 60;
/** A soak of less than this has no time for what takes the gateway a minute to get over. */
const longSeconds = 90;

type Ending = Parameters<typeof startWorld>[0];

/**
 * Lets the running program carry traffic while faults are mixed at random, then compares it with a fresh start.
 * What it starts ends with `t`.
 */
export async function soak(t: Ending, options: SoakOptions): Promise<SoakReport> {
  const { nginx, seconds, seed, tell, signal } = options;
  const isLong = seconds >= longSeconds;
  const world = await startWorld(t, nginx, randomFrom(seed), isLong ? 0.3 : 0.15);
  endNginxWith(t, world.gateway);
  const traffic = startTraffic(t, world);
  const faults = [
    ...objectFaults,
    ...operatorFaults,
    ...processFaults,
    ...(world.cluster.server === null ? [] : [...apiFaults, ...(isLong ? slowApiFaults : [])]),
  ];
  const mix = new Mix(world, faults, tell);
  const began = performance.now();
  const problems: string[] = [];
  let rests = 0;
  function isOver(): boolean {
    return signal?.aborted === true || problems.length > 0 || performance.now() - began > seconds * 1000;
  }

  while (!isOver()) {
    await mix.step();
    if (mix.done >= (rests + 1) * betweenRests) {
      rests += 1;
      await mix.end();
      problems.push(...(await settle(world, `rest-${rests}`)));
      tell(`rest ${rests}: every host answers as it should`);
    }
    await sleep(world.random.between(20, 500));
  }
  await mix.end();
  problems.push(...(problems.length === 0 ? await settle(world, 'last') : []));
  const took = (performance.now() - began) / 1000;
  const rows = await traffic.stop(mix.cuts);
  const report = await compareWithFresh(world);
  return {
    ...report,
    problems: [...problems, ...rows.flatMap(lossOf), ...report.problems],
    seconds: took,
    faults: mix.counts,
    traffic: rows,
  };
}

function lossOf({ clients, lost, allowed, details }: TrafficRow): string[] {
  return allowed !== null && lost > allowed
    ? [`clients with ${clients}: ${lost} requests lost, ${allowed} allowed: ${details}`]
    : [];
}

/** Draws faults from a pack that is shuffled anew when it is used up, so that each comes up. */
class Mix {
  readonly counts: Map<string, number>;
  /** Workers that were killed. */
  cuts = 0;
  done = 0;
  readonly #world: World;
  readonly #faults: readonly Fault[];
  readonly #tell: (line: string) => void;
  #pack: Fault[] = [];
  readonly #active = new Map<Fault, Promise<void>>();

  constructor(world: World, faults: readonly Fault[], tell: (line: string) => void) {
    this.#world = world;
    this.#faults = faults;
    this.#tell = tell;
    this.counts = new Map(faults.map(({ name }) => [name, 0]));
  }

  /** Does the next fault that fits beside those that last. */
  async step(): Promise<void> {
    if (this.#active.size >= mostActive) {
      await Promise.race(this.#active.values());
    }
    if (this.#pack.length === 0) {
      this.#pack = this.#world.random.shuffled(this.#faults);
    }
    const at = this.#pack.findIndex((one) => this.#fits(one));
    if (at < 0) {
      await Promise.race(this.#active.values());
      return;
    }
    const [fault] = this.#pack.splice(at, 1);
    if (fault !== undefined) {
      await this.#begin(fault);
    }
  }

  /** Waits until all faults are undone. */
  async end(): Promise<void> {
    await Promise.all(this.#active.values());
  }

  #fits(fault: Fault): boolean {
    const taken = new Set([...this.#active.keys()].flatMap(({ groups }) => groups));
    return !this.#active.has(fault) && fault.groups.every((group) => !taken.has(group));
  }

  async #begin(fault: Fault): Promise<void> {
    const { random } = this.#world;
    const undo = await fault.inject(this.#world);
    if (undo === null) {
      return;
    }
    this.counts.set(fault.name, (this.counts.get(fault.name) ?? 0) + 1);
    this.done += 1;
    this.cuts += fault.mayCut === undefined ? 0 : 1;
    const { lastsMs } = fault;
    if (lastsMs === undefined) {
      this.#tell(fault.name);
      await undo();
      return;
    }
    const ms = random.between(...lastsMs);
    this.#tell(`${fault.name}, for ${ms} ms`);
    const lasting = (async () => {
      await sleep(ms);
      await undo();
      this.#active.delete(fault);
      this.#tell(`over: ${fault.name}`);
    })();
    this.#active.set(fault, lasting);
    // Whoever waits for it is told; until then a failure is not an unhandled one.
    lasting.catch(() => undefined);
  }
}
