import type { ObjectKey } from './object-ref.ts';

/** A run of lines, both ends inclusive, counted from 1, and the object they came from. */
export interface OriginRange {
  readonly first: number;
  readonly last: number;
  readonly object: ObjectKey;
}

/**
 * Which object each line of a rendered text came from. Ranges may nest (a location inside a server); they are
 * sorted by `first`, outer before inner.
 */
export interface SourceMap {
  readonly ranges: readonly OriginRange[];
}

/** A file that the text names by its path relative to the state directory; the name is a hash of its content. */
export interface ArtifactFile {
  /** For example `certificates/<sha256>.pem`. */
  readonly path: string;
  readonly content: string;
  /** Keys and password files: mode 0640 and never shown. Others 0644. */
  readonly secret: boolean;
  /** The objects that the content is made from or that use it, the maker first (a Secret before its Ingresses). */
  readonly objects: readonly ObjectKey[];
}

/** What the text may name beside the gateway's own folders, because the operator says so. */
export interface Allowances {
  /** Log files. */
  readonly logs: readonly string[];
  /** `host:port`. */
  readonly syslogServers: readonly string[];
}

/** Everything that nginx needs to serve one generation. */
export interface Candidate {
  /** First 16 hex digits of the SHA-256 of `text` with the generation itself left blank. */
  readonly generation: string;
  readonly text: string;
  readonly sourceMap: SourceMap;
  readonly files: readonly ArtifactFile[];
  readonly allowances: Allowances;
  /** Names that nginx may say in a message without a line (zones, variables, upstreams, host names) and whose they are. */
  readonly names: ReadonlyMap<string, readonly ObjectKey[]>;
  /**
   * The objects in it that nginx has never served in their present form. Without it nothing has been served yet, and
   * nobody is above suspicion.
   */
  readonly changed?: ReadonlySet<ObjectKey>;
}

/** The objects a line came from, innermost first; empty for a line of the skeleton. */
export function originsOfLine(map: SourceMap, line: number): ObjectKey[] {
  const found: ObjectKey[] = [];
  for (const range of map.ranges) {
    if (range.first > line) {
      break;
    }
    if (range.last >= line && found[0] !== range.object) {
      found.unshift(range.object);
    }
  }
  return found;
}
