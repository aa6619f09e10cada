/** Blocks of numbers of one width in one array that grows; blocks that were given back are used again. */
export class Blocks {
  readonly width: number;
  readonly #free: number[] = [];
  #next = 0;
  #numbers: Float64Array;

  constructor(width: number) {
    this.width = width;
    this.#numbers = new Float64Array(width * 64);
  }

  /** Where the numbers of a new block begin, all of them 0. Take `numbers` anew after it. */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) {
      return free;
    }
    const start = this.#next;
    this.#next += this.width;
    if (this.#next > this.#numbers.length) {
      const larger = new Float64Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    return start;
  }

  giveBack(start: number): void {
    this.#numbers.fill(0, start, start + this.width);
    this.#free.push(start);
  }

  get numbers(): Float64Array {
    return this.#numbers;
  }
}
