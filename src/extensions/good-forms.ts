import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readKept, writeKept } from '../nginx/kept-file.ts';
import { makeUnit, type Unit } from './unit.ts';

const format = 'good templates and plugins 1';

/**
 * Keeps the forms of templates and plugins that nginx was seen to serve, in the state folder: a restart of the gateway
 * then falls back to them where the present ones are broken.
 */
export class GoodForms {
  readonly #file: string;
  #written: string | null = null;

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'good-extensions.json');
  }

  /** What was kept last, and why it cannot be used where it cannot. */
  async read(): Promise<{ readonly units: readonly Unit[]; readonly unusable: string | null }> {
    const kept = await readKept(this.#file, format);
    if (kept.kind !== 'kept') {
      return { units: [], unusable: kept.kind === 'absent' ? null : `${this.#file}: ${kept.reason}` };
    }
    const units = (JSON.parse(kept.body) as Omit<Unit, 'hash'>[]).map(makeUnit);
    this.#written = hashesOf(units);
    return { units, unusable: null };
  }

  /**
   * Writes what has changed since the last time, or is not there any more.
   * @throws the file system's errors
   */
  async write(units: readonly Unit[]): Promise<void> {
    const hashes = hashesOf(units);
    const found = await stat(this.#file).catch(() => null);
    if (this.#written === hashes && (found !== null || units.length === 0)) {
      return;
    }
    const forms = units.map(({ id, source, from, templates, plugin }) => ({
      id,
      source,
      from,
      templates,
      plugin,
    }));
    await writeKept(this.#file, format, `${JSON.stringify(forms)}\n`);
    this.#written = hashes;
  }
}

function hashesOf(units: readonly Unit[]): string {
  return JSON.stringify(units.map(({ id, hash }) => [id, hash]));
}
