import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import type { ClusterObject } from '../cluster/objects.ts';
import { fromWire, toWire, type WireObject } from '../cluster/wire.ts';
import { reasonOf } from '../errors.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import { SecretValue } from '../model/secret-value.ts';
import { mostKeptBytes, readKept, writeKept } from '../nginx/kept-file.ts';
import type { GoodOptions } from '../options/read-options.ts';
import type { KeptFault } from './kept-faults.ts';
import type { Remembered, ServedPair } from './last-good.ts';

/** What is kept over restarts of the gateway and of its rendering thread. */
export interface Memory extends Remembered {
  /** The global options that were in force; null where there was no ConfigMap of them. */
  readonly options: GoodOptions | null;
  /** Who was kept out, and why. */
  readonly keptOut: readonly KeptFault[];
  /** Forms were left out, so that who has none may all the same have been served. */
  readonly isPartial?: boolean;
}

/** Says something to the log of the main thread. */
export type Notice = (message: string, fields: Readonly<Record<string, unknown>>) => void;

const format = 'last good objects 1';

/** Objects between two pauses, so that a question waits for milliseconds at most. */
const sliceLength = 200;

/** A write begins only when this many times its length have passed since the last one. */
const restFactor = 20;

type Line =
  | readonly ['options', GoodOptions | null]
  /** Of a Secret nothing is kept but the name of the file in which its certificate was served. */
  | readonly ['pair', ObjectKey, string]
  | readonly ['kept-out', KeptFault]
  | readonly ['partial']
  | readonly ['object', WireObject];

/**
 * The last good forms in a file of the state folder, written after they have been verified and beside everything else.
 * Contents of Secrets are not in it.
 */
export class MemoryFile {
  readonly #stateDir: string;
  readonly #file: string;
  readonly #notice: Notice;
  #pending: (() => Memory) | null = null;
  #writing: Promise<void> | null = null;
  #restUntil = 0;
  #timer: NodeJS.Timeout | null = null;
  #isToldTooLarge = false;

  constructor(stateDir: string, notice: Notice) {
    this.#stateDir = stateDir;
    this.#file = join(stateDir, 'last-good.jsonl');
    this.#notice = notice;
  }

  /** What was kept last; null where there is nothing, or nothing that can be believed. */
  async read(): Promise<Memory | null> {
    const kept = await readKept(this.#file, format);
    if (kept.kind === 'unusable') {
      this.#notice('The last good forms of objects that were kept are not used', {
        path: this.#file,
        reason: kept.reason,
      });
    }
    return kept.kind === 'kept' ? this.#parse(kept.body) : null;
  }

  /** Has the memory written soon. `memory` is asked for when it is. */
  save(memory: () => Memory): void {
    this.#pending = memory;
    if (this.#writing === null && this.#timer === null) {
      this.#timer = setTimeout(
        () => {
          this.#timer = null;
          void this.#write();
        },
        Math.max(this.#restUntil - performance.now(), 0),
      );
    }
  }

  /** False where somebody has removed the file. */
  async isThere(): Promise<boolean> {
    return await stat(this.#file).then(
      () => true,
      () => false,
    );
  }

  /** Writes what waits to be written. */
  async flush(): Promise<void> {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    await this.#writing;
    if (this.#pending !== null) {
      await this.#write();
    }
  }

  async #write(): Promise<void> {
    this.#writing = this.#writeNow();
    await this.#writing;
    this.#writing = null;
    if (this.#pending !== null && this.#timer === null) {
      this.save(this.#pending);
    }
  }

  async #writeNow(): Promise<void> {
    const memory = this.#pending?.();
    this.#pending = null;
    if (memory === undefined) {
      return;
    }
    const began = performance.now();
    try {
      await writeKept(this.#file, format, await this.#textOf(memory));
    } catch (error) {
      this.#notice('The last good forms of objects could not be kept for a restart', {
        path: this.#file,
        reason: reasonOf(error),
      });
    }
    const now = performance.now();
    this.#restUntil = now + (now - began) * restFactor;
  }

  async #textOf({ options, pairs, forms, keptOut }: Memory): Promise<string> {
    const lines = [
      lineOf(['options', options]),
      ...pairs.map(([key, { hash }]) => lineOf(['pair', key, hash])),
      ...keptOut.map((fault) => lineOf(['kept-out', fault])),
    ];
    let length = lines.reduce((sum, line) => sum + line.length, 0);
    let left = 0;
    for (const [index, form] of [...forms].sort(byWorth).entries()) {
      const line = form.kind === 'Secret' ? '' : lineOf(['object', toWire(form)]);
      // A character has up to three bytes.
      if (length + line.length > mostKeptBytes / 3) {
        left += 1;
        continue;
      }
      lines.push(line);
      length += line.length;
      if (index % sliceLength === 0) {
        await breathe();
      }
    }
    if (left > 0) {
      lines.push(lineOf(['partial']));
    }
    if (left > 0 && !this.#isToldTooLarge) {
      this.#isToldTooLarge = true;
      this.#notice('Not all last good forms are kept for a restart: there are too many', { leftOut: left });
    }
    return lines.join('');
  }

  #parse(body: string): Memory {
    let options: GoodOptions | null = null;
    const pairs: (readonly [ObjectKey, ServedPair])[] = [];
    const forms: ClusterObject[] = [];
    const keptOut: KeptFault[] = [];
    let isPartial = false;
    for (const text of body.split('\n')) {
      const line = text === '' ? null : (JSON.parse(text) as Line);
      switch (line?.[0]) {
        case 'options':
          options = line[1];
          break;
        case 'pair':
          pairs.push([line[1], this.#pairOf(line[2])]);
          break;
        case 'kept-out':
          keptOut.push(line[1]);
          break;
        case 'partial':
          isPartial = true;
          break;
        case 'object':
          forms.push(fromWire(line[1]));
          break;
        case undefined:
          break;
        default:
          line satisfies never;
      }
    }
    return { options, pairs, forms, keptOut, isPartial };
  }

  #pairOf(hash: string): ServedPair {
    const file = join(this.#stateDir, 'certificates', `${hash}.pem`);
    return {
      hash,
      pem: () => {
        try {
          // Read when a Secret has become unusable, which is rare: 10,000 files at a start are not.
          const text = readFileSync(file, 'utf8');
          return createHash('sha256').update(text).digest('hex') === hash ? new SecretValue(text) : null;
        } catch (error) {
          this.#notice('A certificate that was served is gone', { path: file, reason: reasonOf(error) });
          return null;
        }
      },
    };
  }
}

const worth: readonly string[] = ['Ingress', 'ConfigMap', 'Service'];

/** What is most likely to break comes first, should there be too much. */
function byWorth(one: ClusterObject, other: ClusterObject): number {
  return worth.indexOf(one.kind) - worth.indexOf(other.kind);
}

function lineOf(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}
