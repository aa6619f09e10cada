import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gatewayError, reasonOf } from '../errors.ts';

/** Absolute paths of everything the gateway and nginx share. */
export interface StatePaths {
  readonly root: string;
  /** The pid file and unix sockets. */
  readonly run: string;
  readonly logs: string;
  /** The traffic log, and what became of it before it is read to its end. */
  readonly traffic: string;
  readonly certificates: string;
  /** Password files. */
  readonly auth: string;
  /** One folder per text under test; empty between two applies. */
  readonly candidate: string;
  /** Where nginx spools bodies; its workers own the folders inside. */
  readonly temp: string;
  readonly pidFile: string;
  readonly errorLog: string;
  /** What `nginx -t` says before it has read its configuration. */
  readonly testLog: string;
  /** Answers `GET /generation` with the generation that the answering worker runs. */
  readonly privateSocket: string;
  /** The last text that nginx was seen to serve, and beside it which one it is and the files it needs. */
  readonly verifiedText: string;
  readonly verifiedRecord: string;
}

/** `sun_path` holds 108 bytes with its closing NUL (unix(7)); nginx refuses longer ones with "too long path". */
const maxSocketPathBytes = 107;

/** The layout below an absolute state directory; touches nothing. */
export function statePaths(root: string): StatePaths {
  const run = path.join(root, 'run');
  const logs = path.join(root, 'logs');
  return {
    root,
    run,
    logs,
    traffic: path.join(root, 'traffic'),
    certificates: path.join(root, 'certificates'),
    auth: path.join(root, 'auth'),
    candidate: path.join(root, 'candidate'),
    temp: path.join(root, 'temp'),
    pidFile: path.join(run, 'nginx.pid'),
    errorLog: path.join(logs, 'error.log'),
    testLog: path.join(logs, 'test.log'),
    privateSocket: path.join(run, 'private.sock'),
    verifiedText: path.join(root, 'verified.conf'),
    verifiedRecord: path.join(root, 'verified.json'),
  };
}

/**
 * Creates the state directory and its folders and proves that each can be written. `gid` is the group of nginx's
 * workers where that is not the group of the directory already: it gets the folder of password files, which the
 * workers read, and not that of keys, which the master reads.
 * @throws CNG_STATE_DIR_PATH_TOO_LONG, CNG_STATE_DIR_FULL, or CNG_STATE_DIR_NOT_WRITABLE for any other path that cannot be used.
 */
export async function prepareStateDirectory(root: string, gid: number | null = null): Promise<StatePaths> {
  const paths = statePaths(root);
  if (!path.isAbsolute(root) || path.normalize(root) !== root || root.endsWith('/')) {
    throw gatewayError('CNG_STATE_DIR_NOT_WRITABLE', {
      path: root,
      reason: 'it is not a plain absolute path (/folder/folder, without dots or a slash at the end)',
    });
  }
  // The characters of a token `file`: others would need quotes in one place of nginx.conf or mean something else.
  if (!/^[A-Za-z0-9_./@+:~-]+$/u.test(root)) {
    throw gatewayError('CNG_STATE_DIR_NOT_WRITABLE', {
      path: root,
      reason: 'its name has a character other than letters, digits and _ . / @ + : ~ -',
    });
  }
  const bytes = Buffer.byteLength(paths.privateSocket);
  if (bytes > maxSocketPathBytes) {
    throw gatewayError('CNG_STATE_DIR_PATH_TOO_LONG', { path: root, bytes, maximum: maxSocketPathBytes });
  }
  for (const [folder, mode] of foldersOf(paths)) {
    await prepareFolder(folder, mode, folder === paths.auth ? gid : null);
  }
  return paths;
}

/** Each folder with its mode, the outer ones first. */
function foldersOf(paths: StatePaths): [folder: string, mode: number][] {
  return [
    // Others pass through root, run and temp: workers of a root master are another user and no member of the group.
    [paths.root, 0o2775],
    [paths.run, 0o2775],
    [paths.temp, 0o2775],
    // Workers open the file anew when they are told to.
    [paths.traffic, 0o2775],
    [paths.logs, 0o2770],
    [paths.certificates, 0o2770],
    [paths.auth, 0o2770],
    [paths.candidate, 0o2770],
  ];
}

/**
 * Makes folders anew that somebody has removed since the start (a cleaner of temporary files, a mistaken hand).
 * Returns those that were missing.
 * @throws CNG_STATE_DIR_NOT_WRITABLE
 */
export async function repairStateDirectory(paths: StatePaths, gid: number | null = null): Promise<string[]> {
  const missing: string[] = [];
  for (const [folder] of foldersOf(paths)) {
    const found = await stat(folder).catch(() => null);
    if (found === null) {
      missing.push(folder);
    }
  }
  if (missing.length > 0) {
    await prepareStateDirectory(paths.root, gid);
  }
  return missing;
}

/**
 * Creates a folder with exactly this mode, or takes an existing one as it is as long as it can be written. With `gid`
 * it is given to that group, so that files made in it belong to the group too.
 * @throws CNG_STATE_DIR_FULL, or CNG_STATE_DIR_NOT_WRITABLE when it can be neither created nor written.
 */
export async function prepareFolder(folder: string, mode: number, gid: number | null = null): Promise<void> {
  try {
    const created = await mkdir(folder, { recursive: true });
    const isForeign = gid !== null && (await stat(folder)).gid !== gid;
    if (isForeign) {
      await chown(folder, -1, gid);
    }
    if (created !== undefined || isForeign) {
      // mkdir drops the setgid bit and obeys the umask; chown drops the bit too.
      await chmod(folder, mode);
    }
    await proveWritable(folder);
  } catch (error) {
    if (isFull(error)) {
      throw gatewayError('CNG_STATE_DIR_FULL', { path: folder, reason: reasonOf(error) }, { cause: error });
    }
    const owner = await stat(folder).catch(() => null);
    const whose = owner === null ? '' : `; it belongs to ${owner.uid}:${owner.gid}`;
    const user = process.getuid?.() ?? 'unknown';
    throw gatewayError(
      'CNG_STATE_DIR_NOT_WRITABLE',
      { path: folder, reason: `${reasonOf(error)}${whose}, this process runs as ${user}` },
      { cause: error },
    );
  }
}

/** @throws the file system's own errors */
async function proveWritable(folder: string): Promise<void> {
  const probe = path.join(folder, `.probe-${randomBytes(6).toString('hex')}`);
  try {
    await writeFile(probe, 'x', { flag: 'wx' });
  } finally {
    // On a full disk the file may be there, and empty.
    await rm(probe, { force: true });
  }
}

function isFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
