import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it, type TestContext } from 'node:test';
import { nginxBinaries } from '../support/nginx-binaries.ts';

const SCRIPT = join(import.meta.dirname, '../../scripts/reload.sh');

interface Run {
  readonly code: number | null;
  readonly stderr: string;
}

/** A state folder with a config of its own, as the sidecar would lay it out. */
interface Gateway {
  readonly folder: string;
  readonly config: string;
  readonly pidFile: string;
  readonly socket: string;
  /** Writes nginx.conf: a server that answers `answer`, and `more` inside it. */
  write(answer: string, more?: string): void;
  reload(environment?: Record<string, string>): Promise<Run>;
  /** What the server answers, or the error code. */
  get(path?: string): Promise<string>;
  master(): number;
  workers(): number[];
}

function makeGateway(t: TestContext, binary: string): Gateway {
  const folder = mkdtempSync(join(tmpdir(), 'reload-'));
  const config = join(folder, 'nginx.conf');
  const pidFile = join(folder, 'nginx.pid');
  const socket = join(folder, 'http.sock');
  t.after(async () => {
    await killAll(folder);
    rmSync(folder, { recursive: true });
  });
  function master(): number {
    return Number(readFileSync(pidFile, 'utf8'));
  }
  return {
    folder,
    config,
    pidFile,
    socket,
    write(answer, more = '') {
      writeFileSync(config, nginxConf(folder, `listen unix:${socket}; ${more} return 200 "${answer}";`));
    },
    reload(environment = {}) {
      return runScript({
        NGINX_BINARY: binary,
        NGINX_CONFIG: config,
        NGINX_PREFIX: folder,
        NGINX_PID: pidFile,
        NGINX_ERROR_LOG: join(folder, 'error.log'),
        ...environment,
      });
    },
    get: (path = '/') => get(socket, path),
    master,
    workers: () => childrenOf(master()),
  };
}

function nginxConf(folder: string, server: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ');
  return `pid ${folder}/nginx.pid;
error_log ${folder}/error.log notice;
worker_processes 1;
events { worker_connections 64; }
http {
  access_log off; ${temporary}
  server { ${server} }
}
`;
}

async function runScript(environment: Record<string, string>): Promise<Run> {
  const child = spawn(SCRIPT, [], {
    // Nothing but PATH beside what the sidecar hands over.
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  // `close` and not `exit`: it also shows that no daemon holds on to the output.
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve) => {
    request({ socketPath, path, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(body));
    })
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      .end();
  });
}

async function until(reached: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await reached()) return;
    await sleep(25);
  }
  assert.fail(`this did not come about within 10 s: ${what}`);
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** All nginx processes of that folder: those that name it, and workers, which hold a log in it open. */
function processesOf(folder: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !commandLine(pid).includes('nginx: ')) continue;
    if (commandLine(pid).includes(folder) || holdsFileIn(pid, folder)) found.push(pid);
  }
  return found;
}

/** Kills more than once: a master may have been about to fork when the list was made. */
async function killAll(folder: string): Promise<void> {
  await until(() => {
    const pids = processesOf(folder);
    for (const pid of pids) signal(pid, 'SIGKILL');
    return pids.length === 0;
  }, 'nginx is killed');
}

function holdsFileIn(pid: number, folder: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${folder}/`);
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A process that has nothing to do with nginx and would end at SIGHUP. */
function startBystander(t: TestContext): ChildProcess {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function listenSomewhere(t: TestContext, path?: string): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path });
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

async function freePort(t: TestContext): Promise<number> {
  const { server, port } = await listenSomewhere(t);
  server.close();
  await once(server, 'close');
  return port;
}

for (const { label, path: binary, version } of nginxBinaries()) {
  describe(`reload.sh with the ${label} nginx ${version}`, () => {
    it('starts nginx when none runs, and reloads the same master afterwards', async (t) => {
      const gateway = makeGateway(t, binary);
      gateway.write('one');
      assert.deepEqual(await gateway.reload(), { code: 0, stderr: '' });
      assert.equal(await gateway.get(), 'one');
      const master = gateway.master();
      gateway.write('two');
      assert.deepEqual(await gateway.reload(), { code: 0, stderr: '' });
      await until(async () => (await gateway.get()) === 'two', 'the new config is served');
      assert.equal(gateway.master(), master);
    });

    it('leaves alone another process that the pid file names by now', async (t) => {
      const gateway = makeGateway(t, binary);
      const bystander = startBystander(t);
      writeFileSync(gateway.pidFile, `${bystander.pid}\n`);
      gateway.write('one');
      assert.equal((await gateway.reload()).code, 0);
      assert.equal(await gateway.get(), 'one');
      assert.equal(bystander.exitCode, null);
      assert.equal(bystander.signalCode, null);
      assert.notEqual(gateway.master(), bystander.pid);
    });

    it('leaves alone the nginx of another config that the pid file names', async (t) => {
      const other = makeGateway(t, binary);
      other.write('other');
      assert.equal((await other.reload()).code, 0);
      await until(() => other.workers().length === 1, 'the other nginx has its worker');
      const workers = other.workers();
      const gateway = makeGateway(t, binary);
      writeFileSync(gateway.pidFile, `${other.master()}\n`);
      gateway.write('one');
      assert.equal((await gateway.reload()).code, 0);
      assert.equal(await gateway.get(), 'one');
      assert.doesNotMatch(readFileSync(join(other.folder, 'error.log'), 'utf8'), /SIGHUP/);
      assert.deepEqual(other.workers(), workers);
    });

    for (const [state, spoil] of [
      ['empty', (file: string) => writeFileSync(file, '')],
      ['missing', (file: string) => rmSync(file)],
      ['no number', (file: string) => writeFileSync(file, 'x1\n')],
    ] as const) {
      it(`finds the running master when the pid file is ${state}`, async (t) => {
        const gateway = makeGateway(t, binary);
        gateway.write('one');
        assert.equal((await gateway.reload()).code, 0);
        const master = gateway.master();
        spoil(gateway.pidFile);
        gateway.write('two');
        assert.deepEqual(await gateway.reload(), { code: 0, stderr: '' });
        await until(async () => (await gateway.get()) === 'two', 'the new config is served');
        assert.deepEqual(
          processesOf(gateway.folder).filter((pid) => commandLine(pid).includes('nginx: master')),
          [master],
        );
      });
    }

    it('starts over after a kill, removing the sockets it left in the state folder and no others', async (t) => {
      const gateway = makeGateway(t, binary);
      const elsewhere = mkdtempSync(join(tmpdir(), 'reload-else-'));
      t.after(() => rmSync(elsewhere, { recursive: true }));
      mkdirSync(join(gateway.folder, 'run'));
      const quoted = join(gateway.folder, 'run', 'quoted.sock');
      gateway.write('one', `listen "unix:${quoted}";`);
      assert.equal((await gateway.reload()).code, 0);
      await killAll(gateway.folder);
      assert.ok(existsSync(gateway.socket) && existsSync(quoted), 'a killed nginx leaves its sockets');
      const unnamed = join(gateway.folder, 'unnamed.sock');
      await listenSomewhere(t, unnamed);

      assert.deepEqual(await gateway.reload(), { code: 0, stderr: '' });
      assert.equal(await gateway.get(), 'one');
      assert.equal(await get(quoted, '/'), 'one');
      assert.ok(existsSync(unnamed), 'a socket the config does not name stays');

      // Straight, and by a detour through the state folder.
      const outside = join(elsewhere, 'outside.sock');
      const detour = `${gateway.folder}/../${basename(elsewhere)}/outside.sock`;
      await listenSomewhere(t, outside);
      const { ino } = statSync(outside);
      await killAll(gateway.folder);
      for (const path of [outside, detour]) {
        gateway.write('two', `listen unix:${path};`);
        const refused = await gateway.reload();
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /bind\(\) to unix:.* failed \(98: Address already in use\)/);
        assert.equal(statSync(outside).ino, ino, 'a socket outside of the state folder stays');
      }
    });

    it('ends the workers of a killed master, which hold its ports, and starts over', async (t) => {
      const gateway = makeGateway(t, binary);
      gateway.write('one', `listen 127.0.0.1:${await freePort(t)};`);
      assert.equal((await gateway.reload()).code, 0);
      await until(() => gateway.workers().length === 1, 'the worker runs');
      const [orphan] = gateway.workers();
      const master = gateway.master();
      signal(master, 'SIGKILL');
      await until(() => commandLine(master) === '', 'the master is gone');
      assert.notEqual(commandLine(orphan ?? 0), '');
      const started = await gateway.reload();
      assert.equal(started.code, 0, started.stderr);
      assert.match(
        started.stderr,
        new RegExp(`^reload: ending worker ${orphan}, whose master is gone$`, 'm'),
      );
      assert.equal(await gateway.get(), 'one');
      await until(() => commandLine(orphan ?? 0) === '', 'the orphan ends');
    });

    it('starts a new nginx beside one that drains, and still finds it when that is gone', async (t) => {
      const gateway = makeGateway(t, binary);
      gateway.write('one');
      assert.equal((await gateway.reload()).code, 0);
      // A request that has begun keeps the old worker draining.
      const open = connect(gateway.socket);
      t.after(() => open.destroy());
      await once(open, 'connect');
      open.write('GET / HTTP/1.1\r\nHost: a\r\n');
      await until(() => gateway.workers().length === 1, 'the worker runs');
      await sleep(50);
      const old = gateway.master();
      const [worker] = gateway.workers();
      signal(old, 'SIGQUIT');
      await until(() => commandLine(worker ?? 0).includes('is shutting down'), 'the old worker drains');

      gateway.write('two');
      const started = await gateway.reload();
      assert.equal(started.code, 0, started.stderr);
      assert.equal(await gateway.get(), 'two');
      assert.notEqual(commandLine(old), '', 'the old one is still draining');
      const master = gateway.master();
      open.destroy();
      await until(() => commandLine(old) === '', 'the old master ends');
      assert.ok(!existsSync(gateway.pidFile), 'the old master takes the pid file with it');

      gateway.write('three');
      assert.equal((await gateway.reload()).code, 0);
      await until(async () => (await gateway.get()) === 'three', 'the new config is served');
      assert.notEqual(commandLine(master), '');
    });

    it('passes on what nginx says when it refuses to start', async (t) => {
      const gateway = makeGateway(t, binary);
      gateway.write('one', 'no_such_directive on;');
      const refused = await gateway.reload();
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /\[emerg\] unknown directive "no_such_directive" in .*nginx\.conf:7/);
      const { port } = await listenSomewhere(t);
      gateway.write('one', `listen 127.0.0.1:${port};`);
      const taken = await gateway.reload();
      assert.equal(taken.code, 1);
      assert.match(taken.stderr, new RegExp(`bind\\(\\) to 127.0.0.1:${port} failed`));
    });

    it('signals the master whatever the new config is: testing it was the part of others', async (t) => {
      const gateway = makeGateway(t, binary);
      gateway.write('one');
      assert.equal((await gateway.reload()).code, 0);
      gateway.write('two', 'no_such_directive on;');
      assert.deepEqual(await gateway.reload(), { code: 0, stderr: '' });
      const log = join(gateway.folder, 'error.log');
      await until(() => readFileSync(log, 'utf8').includes('no_such_directive'), 'nginx has read the config');
      assert.equal(await gateway.get(), 'one');
    });

    it('holds nobody up when nginx logs to stderr, or does not go into the background', async (t) => {
      const gateway = makeGateway(t, binary);
      gateway.write('one');
      const text = readFileSync(gateway.config, 'utf8');
      writeFileSync(gateway.config, `daemon off;\n${text}`);
      const stuck = await gateway.reload({ NGINX_START_LIMIT: '1' });
      assert.equal(stuck.code, 75);
      assert.match(stuck.stderr, /did not go into the background within 1 s/);
      writeFileSync(gateway.config, text.replace(/error_log .*;/, 'error_log stderr;'));
      assert.deepEqual(await gateway.reload(), { code: 0, stderr: '' });
      assert.equal(await gateway.get(), 'one');
    });

    it('has no verdict when nginx cannot be run', async (t) => {
      const gateway = makeGateway(t, binary);
      gateway.write('one');
      const missing = await gateway.reload({ NGINX_BINARY: join(gateway.folder, 'nginx') });
      assert.equal(missing.code, 75);
      assert.match(missing.stderr, /could not be run/);
      const unset = await gateway.reload({ NGINX_CONFIG: '' });
      assert.deepEqual(unset, { code: 75, stderr: 'reload: NGINX_CONFIG is not set\n' });
      const nowhere = await gateway.reload({ NGINX_CONFIG: join(gateway.folder, 'no.conf') });
      assert.equal(nowhere.code, 75);
      assert.match(nowhere.stderr, /cannot read .*no\.conf/);
      const noPrefix = await gateway.reload({ NGINX_PREFIX: join(gateway.folder, 'none') });
      assert.equal(noPrefix.code, 75);
      assert.match(noPrefix.stderr, /no state folder .*none/);
    });
  });
}
