import path from 'node:path';
import { originsOfLine, type Candidate } from '../model/candidate.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { NginxMessage } from './message.ts';

/** Where to look an object up that a message is about. */
export interface Scene {
  readonly candidate: Candidate;
  /** The file that nginx read the candidate from: the lines of others (mime.types) are nobody's. */
  readonly configPath: string;
  readonly stateDir: string;
}

/** More objects than this around one name say nothing about any of them: halving finds the culprit sooner. */
const mostOwners = 8;

export interface Suspect {
  readonly object: ObjectKey;
  /** Its own file or line, or a name of its own, is what the message names. Others merely have a word of it. */
  readonly sure: boolean;
  /** Its own line says exactly what nginx refuses: so do all others of whom this holds, each is to blame. */
  readonly exact?: true;
  /** The line of the candidate that accuses it, counted from 1; null where none does. */
  readonly line: number | null;
}

/**
 * The objects that a message is about, the likeliest first: what owns the file it names, the line it names, the
 * name it names. Empty when it names nothing that is anybody's.
 */
export function suspectsOf(scene: Scene, message: NginxMessage): Suspect[] {
  const { candidate } = scene;
  const quoted = quotedWords(message.text);
  const found = new Map<ObjectKey, Suspect>();
  function add(object: ObjectKey, sure: boolean, line: number | null = null, exact = false): void {
    if (!found.has(object)) {
      found.set(object, { object, sure, line, ...(exact ? { exact } : {}) });
    }
  }
  function addOwnersOf(lines: readonly OwnedLine[], among?: readonly ObjectKey[]): void {
    for (const { owner, line } of lines) {
      if (among === undefined || among.includes(owner)) {
        add(owner, true, line);
      }
    }
  }
  // A bad certificate is the Secret's fault, not that of the line (if any) that names the file.
  for (const file of candidate.files) {
    if (message.text.includes(path.join(scene.stateDir, file.path)) || quoted.includes(file.path)) {
      for (const [index, object] of file.objects.entries()) {
        add(object, index === 0);
      }
    }
  }
  const ignored = /^conflicting server name "([^"]*)"/.exec(message.text)?.[1];
  if (ignored !== undefined) {
    // nginx drops the name from the server that comes later.
    addOwnersOf(linesWith(candidate, (line) => hasWord(line, ignored)).reverse());
  }
  // Errors found when a block is merged carry the line of its end, which is the skeleton's.
  if (message.line !== null && message.file === scene.configPath) {
    for (const object of originsOfLine(candidate.sourceMap, message.line)) {
      add(object, true, message.line);
    }
  }
  if (message.text.startsWith('duplicate network ')) {
    // The network may stand in lists of anybody: only that of this geo is meant.
    for (const object of ownersOfGeo(scene, message)) {
      add(object, false);
    }
    return [...found.values()];
  }
  const bound = /^(?:bind|listen)\(\) to (\S+)/.exec(message.text)?.[1]?.replace(/,$/, '');
  // A port that the skeleton opens too is the machine's matter, whoever else listens there.
  if (bound !== undefined && !skeletonListensOn(candidate, bound)) {
    addOwnersOf(linesWith(candidate, (line) => listensOn(line, bound)));
    for (const object of candidate.names.get(bound) ?? []) {
      add(object, false);
    }
  }
  const place = placeOf(message.text);
  for (const word of quoted.filter((one) => !isFrequent(one))) {
    const inText = linesWith(candidate, (line) =>
      place === null ? hasWord(line, word) : place.has(line, word),
    );
    if (place?.exact === true) {
      for (const { owner, line } of inText) {
        add(owner, true, line, true);
      }
      continue;
    }
    const owners = [...(candidate.names.get(word) ?? []), ...(candidate.names.get(`$${word}`) ?? [])];
    addOwnersOf(inText, owners);
    // A host or Service may be called like a variable that somebody else lacks.
    for (const object of place === null || inText.length === 0 ? owners : []) {
      add(object, false);
    }
    for (const { owner, line } of inText.length > mostOwners ? [] : inText) {
      add(owner, false, line);
    }
  }
  return [...found.values()];
}

/** Who has lines in the `geo` that a message points into, or uses its variable. */
function ownersOfGeo({ candidate, configPath }: Scene, { file, line }: NginxMessage): ObjectKey[] {
  const lines = candidate.text.split('\n');
  let first = file === configPath ? (line ?? 0) : 0;
  while (first > 0 && !/^\s*geo\s/.test(lines[first - 1] ?? '')) {
    first -= 1;
  }
  const variable = /(\$\w+)\s*\{\s*$/.exec(lines[first - 1] ?? '')?.[1];
  if (variable === undefined) {
    return [];
  }
  const owners: ObjectKey[] = [];
  for (let number = first; !(lines[number - 1] ?? '}').includes('}'); number += 1) {
    owners.push(...originsOfLine(candidate.sourceMap, number));
  }
  const { names } = candidate;
  return [...owners, ...(names.get(variable) ?? []), ...(names.get(variable.slice(1)) ?? [])];
}

/** Every object that has a part in a candidate, in a fixed order: what can be quarantined. */
export function objectsOf(candidate: Candidate): ObjectKey[] {
  const objects = new Set<ObjectKey>();
  for (const range of candidate.sourceMap.ranges) {
    objects.add(range.object);
  }
  for (const file of candidate.files) {
    for (const object of file.objects) {
      objects.add(object);
    }
  }
  for (const owners of candidate.names.values()) {
    for (const object of owners) {
      objects.add(object);
    }
  }
  return [...objects].sort();
}

interface OwnedLine {
  readonly owner: ObjectKey;
  readonly line: number;
}

/** The last line of each owner that satisfies a condition, comments apart, in the order of the text. */
function linesWith(candidate: Candidate, condition: (line: string) => boolean): OwnedLine[] {
  const lines = new Map<ObjectKey, number>();
  let number = 0;
  for (const line of candidate.text.split('\n')) {
    number += 1;
    const owner =
      condition(line) && !line.trimStart().startsWith('#')
        ? originsOfLine(candidate.sourceMap, number)[0]
        : undefined;
    if (owner !== undefined) {
      lines.delete(owner);
      lines.set(owner, number);
    }
  }
  return [...lines].map(([owner, line]) => ({ owner, line }));
}

function quotedWords(text: string): string[] {
  return [...text.matchAll(/"([^"]+)"/g)].flatMap((match) => (match[1] === undefined ? [] : [match[1]]));
}

/** Where a message can come from that names no line, which is all that its words are looked for in. */
interface Place {
  readonly said: RegExp;
  /** The line is refused for this word, whatever stands around it. */
  readonly exact: boolean;
  has(line: string, word: string): boolean;
}

/** nginx reads these values when it has read everything else. The texts are those of 1.22 and 1.30. */
const places: readonly Place[] = [
  {
    said: /^SSL_CTX_set_cipher_list\(/,
    exact: true,
    has: (line, word) => argumentsOf(line, /(?:^|_)ssl_ciphers$/) === word,
  },
  {
    said: /^SSL_CTX_set1_(?:groups|curves)(?:_list)?\(/,
    exact: true,
    has: (line, word) => argumentsOf(line, /^ssl_ecdh_curve$/) === word,
  },
  {
    said: /^SSL_CONF_cmd\(/,
    exact: false,
    has: (line, word) => argumentsOf(line, /(?:^|_)ssl_conf_command$/) !== null && hasWord(line, word),
  },
  { said: /^unknown "[^"]*" variable/, exact: false, has: hasVariable },
  {
    said: /\bzone "[^"]*"/,
    exact: false,
    has: (line, word) => /zone|limit_(?:req|conn)|_cache/.test(line) && hasWord(line, word),
  },
];

function placeOf(text: string): Place | null {
  return places.find(({ said }) => said.test(text)) ?? null;
}

/** What a directive of this name is given in a line, without its quotes; null where the line has another one. */
function argumentsOf(line: string, directive: RegExp): string | null {
  const [, name = '', rest = ''] = /^\s*(\w+)\s+(.*?)\s*;\s*$/.exec(line) ?? [];
  return directive.test(name) ? rest.replaceAll(/^(["'])(.*)\1$/g, '$2') : null;
}

/** Whether a line has a variable of this name in it, and not merely its word. */
function hasVariable(line: string, name: string): boolean {
  for (const mark of [`$${name}`, `\${${name}}`]) {
    for (let at = line.indexOf(mark); at >= 0; at = line.indexOf(mark, at + 1)) {
      if (mark.endsWith('}') || !/\w/.test(line[at + mark.length] ?? ' ')) {
        return true;
      }
    }
  }
  return false;
}

/** Words of the grammar and single characters stand in many lines that have nothing to do with a message. */
function isFrequent(word: string): boolean {
  return (
    word.length < 2 || /^(?:proxy_cache|server|location|if|map|geo|http|upstream|zone|listen)$/.test(word)
  );
}

/** Whether a line holds a name as a whole word: bare, quoted, as a variable, as `zone=NAME:` or `zone=NAME`. */
function hasWord(line: string, word: string): boolean {
  for (let at = line.indexOf(word); at >= 0; at = line.indexOf(word, at + 1)) {
    const before = line[at - 1] ?? ' ';
    const after = line[at + word.length] ?? ' ';
    if (/[\s"'=$/{(:;,]/.test(before) && /[\s"';:})/{,]/.test(after)) {
      return true;
    }
  }
  return false;
}

function skeletonListensOn(candidate: Candidate, bound: string): boolean {
  return candidate.text
    .split('\n')
    .some(
      (line, index) => listensOn(line, bound) && originsOfLine(candidate.sourceMap, index + 1).length === 0,
    );
}

/** Whether a `listen` line makes nginx bind this address: `0.0.0.0:80` stands there as `80`, too. */
function listensOn(line: string, bound: string): boolean {
  const address = /(?:^|[\s;{])listen\s+([^\s;]+)/.exec(line)?.[1];
  if (address === undefined) {
    return false;
  }
  const port = /^(?:0\.0\.0\.0|\[::\]):(\d+)$/.exec(bound)?.[1];
  return address === bound || (port !== undefined && (address === port || address === `*:${port}`));
}
