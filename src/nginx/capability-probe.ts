import { once } from 'node:events';
import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gatewayError } from '../errors.ts';
import type { Capabilities } from '../model/capabilities.ts';
import { moduleFiles, optionalModules, type OptionalModule } from '../model/optional-module.ts';
import { capabilitiesOf, streamModule, type VersionedFeature } from './capability-table.ts';
import { configureValue, type NginxBuild, parseNginxV } from './nginx-v.ts';
import { runBounded, type RunResult } from './process-run.ts';
import { isAtLeast } from './version.ts';

export interface DetectOptions {
  /** Path of nginx, its name on PATH, or a program that passes its arguments on to one. */
  readonly binary: string;
  /** Added to the environment of each run. */
  readonly env?: Readonly<Record<string, string>>;
  /** For each run of the binary, of which there are up to a dozen; milliseconds. */
  readonly timeoutMs?: number;
  /** Where the probes' own folder is made: nginx must see it too. The system's temporary folder by default. */
  readonly workDir?: string;
  /**
   * How long to ask again while the binary has no answer (exit code 75: an agent that is not up yet), in milliseconds;
   * 0 by default.
   */
  readonly patienceMs?: number;
  /** Ends that patience. */
  readonly signal?: AbortSignal;
}

/** The oldest nginx that there is anything to render for. */
const minimumVersion = '1.18.0';
const defaultTimeoutMs = 10_000;

/** EX_TEMPFAIL, which nginx itself never ends with; and the pause before it is asked again, in milliseconds. */
const tryAgainCode = 75;
const tryAgainMs = 500;

/** Since this version the error log of a test can be chosen on the command line. */
const errorLogOption = '1.19.5';

/** A text for `http` that only an nginx with the feature reads. Nothing in it listens or resolves. */
const probes: Readonly<Record<VersionedFeature, string>> = {
  http2Directive: 'http2 on;',
  keepaliveMinTimeout: 'keepalive_min_timeout 0;',
  upstreamResolve: 'resolver 127.0.0.1; upstream probe { zone probe 64k; server probe.invalid resolve; }',
  // Came with the change of the default, which itself shows in no directive.
  upstreamKeepaliveDefault: 'upstream probe { server 127.0.0.1; keepalive 1 local; }',
  stickyCookie: 'upstream probe { server 127.0.0.1; sticky cookie probe; }',
  sslRejectHandshake: 'ssl_reject_handshake off;',
};

/** Where distributions put modules and `mime.types`, if the build does not say. */
const usualModuleFolders = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules'];

/**
 * Finds out what an nginx can do: from `nginx -V`, and by tests of tiny configurations where that does not tell:
 * whether a module loads, and what a fork of nginx understands.
 * @throws GatewayError CNG_NGINX_NOT_FOUND, CNG_NGINX_NOT_RUNNABLE, CNG_NGINX_TOO_OLD
 */
export async function detectCapabilities(options: DetectOptions): Promise<Capabilities> {
  const build = await readBuild(options);
  const version = build.nginxVersion ?? build.productVersion;
  if (build.nginxVersion !== null && !isAtLeast(version, minimumVersion)) {
    throw gatewayError('CNG_NGINX_TOO_OLD', { version, minimum: minimumVersion });
  }
  const folder = await makeFolder(options);
  try {
    const probe = new Probe(options, build, folder);
    const isPlain = build.product === 'nginx' && build.nginxVersion !== null;
    const optional = await probe.optionalModules();
    const files = [...(await probe.streamModules()), ...optional.files];
    return capabilitiesOf(version, build.configureArguments, files, {
      builtinModules: optional.builtin,
      ...(await probe.secRules(optional)),
      ipv6: await hasIpv6(),
      mimeTypesPath: await probe.mimeTypesPath(),
      probed: isPlain ? {} : await probe.features(),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * What each probe says, whatever the version; for forks, and to compare the probes with the versions.
 * @throws GatewayError as `detectCapabilities`
 */
export async function probeFeatures(options: DetectOptions): Promise<Record<VersionedFeature, boolean>> {
  const build = await readBuild(options);
  const folder = await makeFolder(options);
  try {
    return await new Probe(options, build, folder).features();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** nginx may be another user of the same group: mkdtemp alone makes a folder that is private to this one. */
async function makeFolder({ workDir }: DetectOptions): Promise<string> {
  const folder = await mkdtemp(path.join(workDir ?? tmpdir(), 'cng-probe-'));
  await chmod(folder, 0o2770);
  return folder;
}

async function runNginx(options: DetectOptions, args: readonly string[]): Promise<RunResult> {
  const until = performance.now() + (options.patienceMs ?? 0);
  for (;;) {
    const result = await runBounded({
      file: options.binary,
      args,
      env: options.env ?? {},
      deadlineMs: options.timeoutMs ?? defaultTimeoutMs,
    });
    const isOver = performance.now() >= until || options.signal?.aborted === true;
    if (result.exitCode !== tryAgainCode || isOver) {
      return result;
    }
    await sleep(tryAgainMs);
  }
}

async function readBuild(options: DetectOptions): Promise<NginxBuild> {
  const { binary } = options;
  const result = await runNginx(options, ['-V']);
  if (result.noVerdict?.includes('ENOENT')) {
    throw gatewayError('CNG_NGINX_NOT_FOUND', { binary });
  }
  const build = result.exitCode === 0 ? parseNginxV(result.output) : null;
  if (!build) {
    const ended =
      result.exitCode === null ? `it was ended by ${result.signal}` : `it exited with ${result.exitCode}`;
    const said = result.output.trim().split('\n', 1)[0] || 'nothing';
    const reason =
      result.noVerdict ?? `"${binary} -V" is not answered as nginx does: ${ended}, saying ${said}`;
    throw gatewayError('CNG_NGINX_NOT_RUNNABLE', { binary, reason });
  }
  return build;
}

interface OptionalModules {
  /** To load. */
  readonly files: readonly string[];
  readonly builtin: readonly OptionalModule[];
}

/** Tests of tiny configurations in a folder of their own. */
class Probe {
  readonly #options: DetectOptions;
  readonly #build: NginxBuild;
  readonly #folder: string;
  #count = 0;

  constructor(options: DetectOptions, build: NginxBuild, folder: string) {
    this.#options = options;
    this.#build = build;
    this.#folder = folder;
  }

  /** The stream module that loads: of all in reach, one built for another nginx is refused by nginx itself. */
  async streamModules(): Promise<string[]> {
    if (configureValue(this.#build.configureArguments, 'with-stream') !== 'dynamic') {
      return [];
    }
    const stated = this.#stated('modules-path', 'modules');
    for (const folder of await this.#withUnpacked([stated, ...usualModuleFolders])) {
      const file = path.posix.join(folder, streamModule);
      if (isPlainPath(file) && (await this.#reads(`load_module "${file}"; events {} stream {}`))) {
        return [file];
      }
    }
    return [];
  }

  /** Modules of packages: where nginx says that it has its modules, or with `--add-module` in the binary. */
  async optionalModules(): Promise<OptionalModules> {
    const added = this.#build.configureArguments.some((argument) => argument.startsWith('--add-module='));
    const isFork = this.#build.product !== 'nginx';
    const files: string[] = [];
    const builtin: OptionalModule[] = [];
    for (const name of optionalModules) {
      const { file, probe } = moduleFiles[name];
      if ((added || isFork) && (await this.#reads(`events {} http { ${probe} }`))) {
        builtin.push(name);
        continue;
      }
      for (const folder of await this.#withUnpacked([this.#stated('modules-path', 'modules')])) {
        const found = path.posix.join(folder, file);
        if (
          isPlainPath(found) &&
          (await this.#reads(`load_module "${found}"; events {} http { ${probe} }`))
        ) {
          files.push(found);
          break;
        }
      }
    }
    return { files, builtin };
  }

  /** Files of rules that ModSecurity can read: those of ingress-nginx's image, and of Debian's packages. */
  async secRules({
    files,
    builtin,
  }: OptionalModules): Promise<{ secRulesPath: string | null; coreRules: string[] }> {
    const module = files.find((file) => file.endsWith(`/${moduleFiles.modsecurity.file}`));
    if (module === undefined && !builtin.includes('modsecurity')) {
      return { secRulesPath: null, coreRules: [] };
    }
    const load = module === undefined ? '' : `load_module "${module}"; `;
    const read = async (rules: readonly string[]): Promise<string[] | null> => {
      const sets = await Promise.all(rules.map((rule) => this.#unpacked(rule)));
      for (let index = 0; index < Math.max(...sets.map((set) => set.length)); index += 1) {
        const chosen = sets.map((set) => set[Math.min(index, set.length - 1)] ?? '');
        const lines = chosen.map((rule) => `modsecurity_rules_file "${rule}";`).join(' ');
        if (chosen.every(isPlainPath) && (await this.#reads(`${load}events {} http { ${lines} }`))) {
          return chosen;
        }
      }
      return null;
    };
    const own =
      (await read(['/etc/nginx/modsecurity/modsecurity.conf'])) ??
      (await read(['/etc/nginx/modsecurity.conf'])) ??
      (await read(['/etc/modsecurity/modsecurity.conf']));
    const core = await read(['/etc/nginx/owasp-modsecurity-crs/nginx-modsecurity.conf']);
    return { secRulesPath: own?.[0] ?? null, coreRules: core ?? [] };
  }

  /** A `mime.types` beside the configuration that the binary would read by default. */
  async mimeTypesPath(): Promise<string | null> {
    const stated = path.posix.dirname(this.#stated('conf-path', 'conf/nginx.conf'));
    for (const folder of await this.#withUnpacked([stated, '/etc/nginx'])) {
      const file = path.posix.join(folder, 'mime.types');
      if (isPlainPath(file) && (await this.#reads(`events {} http { include "${file}"; }`))) {
        return file;
      }
    }
    return null;
  }

  async features(): Promise<Record<VersionedFeature, boolean>> {
    const found = Object.entries(probes).map(async ([feature, text]) => [
      feature,
      await this.#reads(`events {} http { ${text} }`),
    ]);
    return Object.fromEntries(await Promise.all(found)) as Record<VersionedFeature, boolean>;
  }

  /** A file, first below the folders that the binary lies in. */
  async #unpacked(file: string): Promise<string[]> {
    const folders = await this.#withUnpacked([path.posix.dirname(file)]);
    return folders.map((folder) => path.posix.join(folder, path.posix.basename(file)));
  }

  /** Whether nginx reads the text. What it says after that (folders it cannot make, say) is not about the text. */
  async #reads(text: string): Promise<boolean> {
    const file = path.join(this.#folder, `${this.#count++}.conf`);
    const version = this.#build.nginxVersion;
    const errorLog = version === null || isAtLeast(version, errorLogOption) ? ['-e', 'stderr'] : [];
    await writeFile(file, `pid "${file}.pid"; error_log stderr; ${text}\n`);
    const result = await runNginx(this.#options, ['-t', '-p', this.#folder, ...errorLog, '-c', file]);
    return / syntax is ok$/m.test(result.output);
  }

  /** A path that the build names, or its default below the prefix. */
  #stated(option: string, below: string): string {
    const prefix = configureValue(this.#build.configureArguments, 'prefix') ?? '/usr/local/nginx';
    return path.posix.resolve(prefix, configureValue(this.#build.configureArguments, option) ?? below);
  }

  /**
   * The same folders below the folders that the binary lies in, first: an nginx that was unpacked, not installed,
   * names places of which the system may have its own.
   */
  async #withUnpacked(folders: readonly string[]): Promise<string[]> {
    const { binary } = this.#options;
    const roots: string[] = [];
    if (binary.includes('/')) {
      let folder = path.dirname(await realpath(binary).catch(() => binary));
      for (; folder !== path.dirname(folder); folder = path.dirname(folder)) {
        roots.push(folder, path.join(folder, 'root'));
      }
    }
    const unpacked = roots.flatMap((root) => folders.map((folder) => path.join(root, folder)));
    const there = await Promise.all(unpacked.map((folder) => realpath(folder).catch(() => null)));
    return [...new Set([...there.filter((folder) => folder !== null), ...folders])];
  }
}

/** Whether a path can stand in quotes as it is; no folder of modules has a name that could not. */
function isPlainPath(file: string): boolean {
  return /^[\w./+@:~ -]+$/.test(file);
}

/** Whether this kernel has IPv6: a `listen [::]` fails at start on one that was booted without. */
async function hasIpv6(): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(0, '::1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
