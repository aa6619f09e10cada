/** Bytes for the name of a plugin and of an object. */
const capacity = 1024;
const headerBytes = 12;

/** Which plugin is running in the worker, readable while the worker's thread is busy with it. */
export interface Running {
  readonly plugin: string;
  /** Empty while the plugin is loaded. */
  readonly object: string;
  /** Differs from one call to the next. */
  readonly call: number;
}

/** The memory that the worker writes and the main thread reads. */
export function markerMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(headerBytes + capacity);
}

/** The worker's side: says before each call of a plugin what is called, and afterwards that it came back. */
export class Marker {
  readonly #numbers: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #scratch = new Uint8Array(capacity);
  readonly #encoder = new TextEncoder();

  constructor(memory: SharedArrayBuffer) {
    this.#numbers = new Int32Array(memory, 0, 3);
    this.#bytes = new Uint8Array(memory, headerBytes);
  }

  begin(plugin: string, object: string): void {
    const { written } = this.#encoder.encodeInto(`${plugin}\n${object}`, this.#scratch);
    this.#bytes.set(this.#scratch.subarray(0, written));
    Atomics.store(this.#numbers, 1, written);
    Atomics.add(this.#numbers, 0, 1);
    Atomics.store(this.#numbers, 2, 1);
  }

  end(): void {
    Atomics.store(this.#numbers, 2, 0);
  }
}

/** What the worker is busy with; null where that is no plugin. */
export function readMarker(memory: SharedArrayBuffer): Running | null {
  const numbers = new Int32Array(memory, 0, 3);
  if (Atomics.load(numbers, 2) === 0) {
    return null;
  }
  const length = Math.min(Math.max(Atomics.load(numbers, 1), 0), capacity);
  // A TextDecoder does not take shared memory.
  const text = new TextDecoder().decode(new Uint8Array(memory, headerBytes, length).slice());
  const [plugin = '', object = ''] = text.split('\n');
  return { plugin, object, call: Atomics.load(numbers, 0) };
}
