import { readdir, readFile, readlink } from 'node:fs/promises';
import { readPlainFile } from '../plain-file.ts';

/** A master process that is proved to be ours. */
export interface MasterProcess {
  readonly pid: number;
  /** Stopped by a signal (SIGSTOP) or a debugger: it takes no reload until it continues. */
  readonly stopped: boolean;
}

export interface NginxProcesses {
  readonly master: MasterProcess | null;
  /** Whether the pid file names that master; it is empty after `nginx -t` in a fresh folder, stale after a kill. */
  readonly pidFileRight: boolean;
  /** Workers without a master: they keep serving, and keep their ports, after the master was killed. */
  readonly orphans: readonly number[];
}

export interface NginxIdentity {
  readonly pidFile: string;
  /** As given to nginx with `-c`. */
  readonly configPath: string;
  readonly privateSocket: string;
}

/**
 * Finds the nginx of this state directory among the processes that can be seen. With nginx in another pid
 * namespace (a container of its own) none is seen, which is not an error: `master` is null and nobody is an orphan.
 */
export async function findNginx(identity: NginxIdentity): Promise<NginxProcesses> {
  const named = Number.parseInt(await readPlainFile(identity.pidFile).catch(() => ''), 10);
  if (named > 0 && (await isMaster(named, identity.configPath))) {
    return { master: await masterProcess(named), pidFileRight: true, orphans: [] };
  }
  // Titles can be forged and reused; holding our listening socket cannot.
  const holders = await listeningHolders(identity.privateSocket);
  const orphans: number[] = [];
  for (const pid of holders) {
    if (await isMaster(pid, identity.configPath)) {
      return { master: await masterProcess(pid), pidFileRight: false, orphans: [] };
    }
    orphans.push(pid);
  }
  return { master: null, pidFileRight: false, orphans };
}

/** Whether a process still runs (a zombie does not). */
export async function isRunning(pid: number): Promise<boolean> {
  const state = await processState(pid);
  return state !== null && state !== 'Z' && state !== 'X';
}

/** Pids whose parent is `parent`. */
export async function childrenOf(parent: number): Promise<number[]> {
  const children: number[] = [];
  for (const pid of await allPids()) {
    if ((await statFields(pid))?.parent === parent) {
      children.push(pid);
    }
  }
  return children;
}

// The title stands at the front, or behind `--argv0` when nginx was started through a dynamic loader; there the
// arguments follow untouched, elsewhere they are part of the title.
async function isMaster(pid: number, configPath: string): Promise<boolean> {
  const commandLine = await readOrEmpty(`/proc/${pid}/cmdline`);
  if (!/(?:^|\0)nginx: master/.test(commandLine)) {
    return false;
  }
  const at = commandLine.indexOf(configPath);
  const after = commandLine[at + configPath.length];
  return at >= 0 && (after === undefined || after === ' ' || after === '\0');
}

async function masterProcess(pid: number): Promise<MasterProcess> {
  const state = await processState(pid);
  return { pid, stopped: state === 'T' || state === 't' };
}

/** Paths of the unix sockets that some process holds, bound at the path as it names it. */
export async function boundSockets(): Promise<Set<string>> {
  return new Set((await unixSockets()).map((socket) => socket.path));
}

interface UnixSocket {
  readonly path: string;
  readonly inode: string;
  readonly listening: boolean;
}

async function unixSockets(): Promise<UnixSocket[]> {
  const sockets: UnixSocket[] = [];
  for (const line of (await readOrEmpty('/proc/net/unix')).split('\n')) {
    // Num RefCount Protocol Flags Type St Inode Path; __SO_ACCEPTCON (0x10000) marks a listening socket.
    const [, flags, inode, path] = /^\S+ \S+ \S+ (\S+) \S+ \S+ +(\d+) (.*)$/.exec(line) ?? [];
    if (flags !== undefined && inode !== undefined && path !== undefined) {
      sockets.push({ path, inode, listening: (Number.parseInt(flags, 16) & 0x10000) !== 0 });
    }
  }
  return sockets;
}

/** Pids of nginx processes that hold a listening socket bound at this path, whether or not the file still exists. */
async function listeningHolders(socketPath: string): Promise<number[]> {
  const inodes = new Set<string>();
  for (const { path, inode, listening } of await unixSockets()) {
    if (path === socketPath && listening) {
      inodes.add(`socket:[${inode}]`);
    }
  }
  const holders: number[] = [];
  if (inodes.size === 0) {
    return holders;
  }
  for (const pid of await allPids()) {
    const isNginx = (await readOrEmpty(`/proc/${pid}/cmdline`)).includes('nginx');
    if (isNginx && (await holdsOneOf(pid, inodes))) {
      holders.push(pid);
    }
  }
  return holders;
}

async function holdsOneOf(pid: number, inodes: ReadonlySet<string>): Promise<boolean> {
  for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
    if (inodes.has(target)) {
      return true;
    }
  }
  return false;
}

async function allPids(): Promise<number[]> {
  const entries = await readdir('/proc').catch(() => []);
  return entries.filter((entry) => /^\d+$/.test(entry)).map(Number);
}

async function processState(pid: number): Promise<string | null> {
  return (await statFields(pid))?.state ?? null;
}

async function statFields(pid: number): Promise<{ state: string; parent: number } | null> {
  const text = await readOrEmpty(`/proc/${pid}/stat`);
  // The name stands in parentheses and may hold anything, a parenthesis included: read from the last one.
  const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return state === undefined || parent === undefined || text === ''
    ? null
    : { state, parent: Number.parseInt(parent, 10) };
}

// A process may end between being listed and being read, and a file may never have been there: both are "none".
async function readOrEmpty(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => '');
}
