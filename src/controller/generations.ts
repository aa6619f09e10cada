import type { Candidate, SourceMap } from '../model/candidate.ts';
import type { GenerationInfo } from '../observe/view.ts';

interface Kept {
  readonly info: GenerationInfo;
  readonly candidate: Candidate | null;
}

/** Passes that are remembered, and those of them whose text is: a text may have 25 MB. */
const keptInfos = 100;
const keptTexts = 10;

/** What has been brought to nginx, newest last. */
export class Generations {
  #kept: Kept[] = [];
  #last = 0;

  /** The number of the next pass, counted from 1 in this process. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** Records a pass. A live one supersedes the one before. */
  record(info: GenerationInfo, candidate: Candidate | null): void {
    const before =
      info.outcome === 'live'
        ? this.#kept.map((kept) =>
            kept.info.outcome === 'live'
              ? { ...kept, info: { ...kept.info, outcome: 'superseded' as const } }
              : kept,
          )
        : this.#kept;
    const all = [...before, { info, candidate }].slice(-keptInfos);
    const oldestText = all.length - keptTexts;
    this.#kept = all.map((kept, index) =>
      index >= oldestText || kept.info.outcome === 'live' || kept.candidate === null
        ? kept
        : { info: { ...kept.info, textKept: false }, candidate: null },
    );
  }

  /** Newest first. */
  list(): GenerationInfo[] {
    return this.#kept.map((kept) => kept.info).toReversed();
  }

  live(): { number: number; generation: string } | null {
    const live = this.#kept.findLast((kept) => kept.info.outcome === 'live');
    return live === undefined ? null : { number: live.info.number, generation: live.info.generation };
  }

  /** The text of a pass, or of the live one. */
  text(number?: number): string | null {
    return this.#find(number)?.text ?? null;
  }

  sourceMap(number?: number): SourceMap | null {
    return this.#find(number)?.sourceMap ?? null;
  }

  #find(number?: number): Candidate | null {
    const wanted = number ?? this.live()?.number;
    return this.#kept.find((kept) => kept.info.number === wanted)?.candidate ?? null;
  }
}
