import { createHash } from 'node:crypto';
import type { ArtifactFile, Candidate, OriginRange } from '../../src/model/candidate.ts';
import type { ObjectKey } from '../../src/model/object-ref.ts';
import type { Build, Quarantine } from '../../src/nginx/apply-result.ts';

/** What one object puts into a hand-written configuration. */
export interface SyntheticObject {
  /** At http level. `@FILE@` stands for the absolute path of the object's first file. */
  readonly lines?: readonly string[];
  /** In place of `lines` and `stub` where they depend on what else is left out. */
  readonly render?: (without: Quarantine) => readonly string[];
  /** What stands there while it is quarantined; nothing by default. */
  readonly stub?: readonly string[];
  /** At http level, and in the source map nobody's: as what a plugin prints once for all. */
  readonly unowned?: readonly string[];
  readonly files?: readonly ArtifactFile[];
  readonly names?: readonly string[];
  /** An object that its text is nested in the range of, as a location is in another's server. */
  readonly within?: ObjectKey;
}

export interface SyntheticWorld {
  readonly stateDir: string;
  readonly port: number;
  /** Lines of the http block that come from no object. */
  skeleton: string[];
  /** Lines of the main context that come from no object. */
  main: string[];
  readonly objects: Map<ObjectKey, SyntheticObject>;
  readonly build: Build;
  /** What `build` was asked for so far. */
  readonly asked: (Quarantine | 'skeleton')[];
}

/** A world whose configuration is a private server, a default server on `port` and the lines of its objects. */
export function syntheticWorld(stateDir: string, port: number): SyntheticWorld {
  const world: SyntheticWorld = {
    stateDir,
    port,
    skeleton: [],
    main: [],
    objects: new Map(),
    asked: [],
    async build(without) {
      world.asked.push(without);
      return renderWorld(world, without);
    },
  };
  return world;
}

/** A server block of one host that answers with its name. */
export function hostServer(port: number, host: string, extra: readonly string[] = []): string[] {
  return [
    'server {',
    `  listen 127.0.0.1:${port};`,
    `  server_name ${host};`,
    ...extra.map((line) => `  ${line}`),
    `  location / { return 200 "${host}"; }`,
    '}',
  ];
}

/** The file name is the content's hash, as the renderer makes it. */
export function artifact(
  content: string,
  objects: readonly ObjectKey[],
  folder = 'certificates',
): ArtifactFile {
  const hash = createHash('sha256').update(content).digest('hex');
  return { path: `${folder}/${hash}.pem`, content, secret: true, objects };
}

function renderWorld(world: SyntheticWorld, without: Quarantine | 'skeleton'): Candidate {
  const { stateDir } = world;
  const lines = [
    ...world.main,
    `pid ${stateDir}/run/nginx.pid;`,
    `error_log ${stateDir}/logs/error.log notice;`,
    'worker_processes 2;',
    'worker_shutdown_timeout 5s;',
    'events { worker_connections 512; }',
    'http {',
    'access_log off;',
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${stateDir}/temp/${kind};`,
    ),
    ...world.skeleton,
    `server { listen unix:${stateDir}/run/private.sock; location = /generation { return 200 "@GENERATION@"; } }`,
    `server { listen 127.0.0.1:${world.port} default_server; location / { return 404; } }`,
  ];
  const ranges: OriginRange[] = [];
  const files: ArtifactFile[] = [];
  const names = new Map<string, ObjectKey[]>();
  for (const [object, content] of without === 'skeleton' ? [] : sortedObjects(world)) {
    const isOut = without !== 'skeleton' && without.has(object);
    const own = linesOf(content, isOut, without === 'skeleton' ? new Map() : without);
    if (own.length > 0) {
      const range = { first: lines.length + 1, last: lines.length + own.length };
      if (content.within !== undefined) {
        ranges.push({ ...range, object: content.within });
      }
      ranges.push({ ...range, object });
      const file = content.files?.[0]?.path ?? '';
      lines.push(...own.map((line) => line.replaceAll('@FILE@', `${stateDir}/${file}`)));
    }
    lines.push(...(isOut ? [] : (content.unowned ?? [])));
    for (const name of isOut ? [] : (content.names ?? [])) {
      names.set(name, [...(names.get(name) ?? []), object]);
    }
    files.push(...(isOut ? [] : (content.files ?? [])));
  }
  lines.push('}', '');
  const blank = lines.join('\n');
  const generation = createHash('sha256').update(blank).digest('hex').slice(0, 16);
  return {
    generation,
    text: blank.replace('@GENERATION@', generation),
    sourceMap: { ranges },
    files,
    allowances: { logs: [], syslogServers: [] },
    names,
  };
}

function sortedObjects(world: SyntheticWorld): [ObjectKey, SyntheticObject][] {
  return [...world.objects].sort(([one], [other]) => (one < other ? -1 : 1));
}

function linesOf(content: SyntheticObject, isOut: boolean, without: Quarantine): readonly string[] {
  if (content.render !== undefined) {
    return content.render(without);
  }
  return (isOut ? content.stub : content.lines) ?? [];
}
