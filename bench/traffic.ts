/**
 * What counting requests costs: one nginx worker at full load with the traffic log and without any log, in turns, and the
 * thread that reads it. `node bench/traffic.ts` writes bench/traffic.md.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { cpus } from 'node:os';
import path from 'node:path';
import { createLogger } from '../src/observe/log.ts';
import { TrafficClient } from '../src/traffic/client.ts';
import { findInstallation } from '../src/installation.ts';
import { nginxBinaries, type NginxBinary } from '../test/support/nginx-binaries.ts';
import { ingress, serviceOn } from '../test/support/objects.ts';
import { freePort } from '../test/support/ports.ts';
import { serve } from '../test/support/served.ts';
import { temporaryDirectory } from '../test/support/temp-dir.ts';
import { trafficSettings } from '../test/traffic/settings.ts';
import { median } from './statistics.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 30);
const requestsPerRound = 40_000;
const connections = 32;
/** Requests that a connection has under way: the client must not be what is measured. */
const depth = 16;
const ticksPerSecond = 100;

class Ends {
  readonly #all: (() => unknown)[] = [];

  after(end: () => unknown): void {
    this.#all.push(end);
  }

  async run(): Promise<void> {
    for (const end of this.#all.toReversed()) {
      await end();
    }
  }
}

interface Side {
  readonly port: number;
  readonly pid: number;
  readonly microsPerRequest: number[];
  readonly perSecond: number[];
}

async function startBackend(ends: Ends, binary: NginxBinary): Promise<number> {
  const folder = await temporaryDirectory(ends);
  const port = await freePort();
  const config = path.join(folder, 'nginx.conf');
  await writeFile(
    config,
    `pid ${folder}/pid; error_log ${folder}/error.log; events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p;
fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
server { listen 127.0.0.1:${port}; location / { return 200 "hello"; } } }`,
  );
  const child = spawn(binary.path, ['-c', config, '-g', 'daemon off; master_process off;'], {
    stdio: 'ignore',
  });
  const ended = once(child, 'close');
  ends.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return port;
}

/** CPU of a process in microseconds. */
async function cpuMicros(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /u, '').split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
}

/** Sends pipelined requests over one connection until `next` says that there is none left. */
async function client(port: number, next: () => boolean): Promise<void> {
  const request = Buffer.from(
    'GET /shop/cart?item=12 HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\n\r\n',
  );
  const socket = connect({ host: '127.0.0.1', port });
  let underWay = 0;
  await new Promise<void>((resolve, reject) => {
    function fill(): void {
      const batch: Buffer[] = [];
      while (underWay + batch.length < depth && next()) {
        batch.push(request);
      }
      underWay += batch.length;
      if (batch.length > 0) {
        socket.write(Buffer.concat(batch));
      } else if (underWay === 0) {
        socket.destroy();
        resolve();
      }
    }
    let rest = '';
    socket.on('data', (chunk: Buffer) => {
      const text = rest + chunk.toString('latin1');
      underWay -= text.split('HTTP/1.1 200').length - 1;
      // Long enough for the beginning of an answer that is cut, and too short for a whole one.
      rest = text.slice(-11).includes('H') ? text.slice(text.lastIndexOf('H', text.length)) : '';
      if (rest.length > 11) {
        rest = '';
      }
      if (underWay <= depth / 2) {
        fill();
      }
    });
    socket.on('error', reject);
    socket.on('connect', fill);
  });
}

async function measure(side: Side): Promise<void> {
  let left = requestsPerRound;
  const began = performance.now();
  const before = await cpuMicros(side.pid);
  await Promise.all(
    Array.from({ length: connections }, async () => {
      await client(side.port, () => {
        left -= 1;
        return left >= 0;
      });
    }),
  );
  side.microsPerRequest.push(((await cpuMicros(side.pid)) - before) / requestsPerRound);
  side.perSecond.push((1000 * requestsPerRound) / (performance.now() - began));
}

async function start(
  ends: Ends,
  binary: NginxBinary,
  backend: number,
  isCounted: boolean,
): Promise<Side & { readonly stateDir: string }> {
  const objects = [
    ...serviceOn('shop', [backend]),
    ingress('shop', { host: 'bench.example', paths: [{ path: '/shop', service: 'shop' }] }),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'options', namespace: 'default' },
      data: { 'disable-access-log': 'true', 'keep-alive-requests': '1000000' },
    },
  ];
  const settings = { optionsConfigMap: 'default/options', ...(!isCounted && { traffic: null }) };
  const served = await serve(ends, binary, objects, settings);
  const pidFile = /^pid (\S+);$/mu.exec(served.text)?.[1] ?? '';
  const pid = Number.parseInt(await readFile(pidFile, 'utf8'), 10);
  const stateDir = path.dirname(path.dirname(pidFile));
  return { port: served.port, pid, microsPerRequest: [], perSecond: [], stateDir };
}

interface Figures {
  readonly version: string;
  readonly off: Side;
  readonly on: Side;
  readonly readerMicros: number;
  readonly lines: number;
}

async function compare(binary: NginxBinary): Promise<Figures> {
  const ends = new Ends();
  try {
    const backend = await startBackend(ends, binary);
    const off = await start(ends, binary, backend, false);
    const on = await start(ends, binary, backend, true);
    const reader = new TrafficClient({
      url: findInstallation().trafficWorker,
      input: {
        settings: trafficSettings({ timeBuckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] }),
        folder: path.join(on.stateDir, 'traffic'),
        savedPath: path.join(on.stateDir, 'traffic.json'),
        rotateBytes: 16 * 2 ** 20,
      },
      logger: createLogger({
        level: 'error',
        format: 'text',
        filePath: '',
        maxSizeMb: 1,
        maxBackups: 0,
        maxAgeDays: 1,
      }),
      reopen: async () => {
        process.kill(on.pid, 'SIGUSR1');
        return await Promise.resolve(true);
      },
      gone: async () => await Promise.resolve([]),
    });
    reader.start();
    ends.after(async () => await reader.close());
    const begun = await reader.snapshot(0);
    for (let round = 0; round <= rounds; round += 1) {
      // Who comes first takes turns, too.
      for (const side of round % 2 === 0 ? [off, on] : [on, off]) {
        await measure(side);
      }
    }
    // The first round warms up.
    for (const side of [off, on]) {
      side.microsPerRequest.shift();
      side.perSecond.shift();
    }
    let ended = await reader.snapshot(0);
    for (let tries = 0; tries < 50 && ended.lines < (rounds + 1) * requestsPerRound; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      ended = await reader.snapshot(0);
    }
    const lines = (await reader.totals({ namespace: 'default', ingress: 'shop' })).requests;
    const readerMicros = ((ended.cpuSeconds - begun.cpuSeconds) * 1e6) / lines;
    return { version: binary.version, off, on, readerMicros, lines };
  } finally {
    await ends.run();
  }
}

/** Of rounds that were beside each other in time: the machine is not alike from one to the next. */
function ratios(above: readonly number[], below: readonly number[]): number[] {
  return above.map((one, round) => one / (below[round] ?? Number.NaN));
}

function rowOf({ version, off, on, readerMicros, lines }: Figures): string {
  const [cpuOff, cpuOn] = [median(off.microsPerRequest), median(on.microsPerRequest)];
  const [rateOff, rateOn] = [median(off.perSecond), median(on.perSecond)];
  const cells = [
    version,
    cpuOff.toFixed(1),
    cpuOn.toFixed(1),
    `**${median(ratios(off.microsPerRequest, on.microsPerRequest)).toFixed(3)}**`,
    `${rateOff.toFixed(0)} → ${rateOn.toFixed(0)} (${median(ratios(on.perSecond, off.perSecond)).toFixed(3)})`,
    readerMicros.toFixed(2),
    `${lines} of ${(rounds + 1) * requestsPerRound}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

const rows: string[] = [];
for (const binary of nginxBinaries()) {
  rows.push(rowOf(await compare(binary)));
}
const text = `# What counting requests costs

Written by \`node bench/traffic.ts\`: ${rounds} rounds of ${requestsPerRound} requests through one worker to a backend, with the traffic log
and without any log, in turns. A worker that is at full load gives as many requests as it has time for: the ratio is that
of the CPU that one request costs it, which other programs on the machine do not change. The throughput that was seen, with client,
backend and reader on the same ${cpus().length} CPUs, stands beside it. All are medians, the ratios those of pairs of
rounds. Aim: at least 0.93.

| nginx | worker without, µs CPU per request | with, µs | **without ÷ with** | requests per second | reader, µs CPU per line | lines counted |
|---|---|---|---|---|---|---|
${rows.join('\n')}
`;
await writeFile(path.join(import.meta.dirname, 'traffic.md'), text);
console.log(text);
