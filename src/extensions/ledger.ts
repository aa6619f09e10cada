import type { Offer, Trouble, Unit, UnitSource } from './unit.ts';

/** What one build is made with. */
export interface Chosen {
  readonly units: readonly Unit[];
  /** Those of them that nginx has not been seen to serve in this form since the gateway started. */
  readonly onTrial: readonly Unit[];
  /** Units of which there is nothing that can be used, and why. */
  readonly missing: readonly { readonly unit: Unit; readonly trouble: Trouble }[];
}

/** What is to be said about one unit. */
export interface UnitStatus {
  readonly unit: Unit;
  /** `previous`: an earlier form is in force, the present one was refused. `none`: no form of it is. */
  readonly inForce: 'present' | 'previous' | 'none' | 'on trial';
  readonly trouble: Trouble | null;
}

interface Entry {
  wanted: Unit | null;
  /** Was served: in this life, or in an earlier one. */
  good: Unit | null;
  /** What was good before it: a form may outgrow its limits when the cluster grows. */
  earlier: Unit | null;
  /** The hash of the form that was served in this life: nginx may be another one now. */
  proved: string | null;
  refused: { readonly hash: string; readonly trouble: Trouble } | null;
}

const order: readonly UnitSource[] = ['plugin directory', 'template folder', 'template ConfigMap'];

/**
 * Remembers of each unit what the operator wants and what was good last. A refused form is not tried again until it
 * is edited; meanwhile the last good one stays, or what is built in.
 */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #troubles = new Map<UnitSource, readonly Trouble[]>();

  /** Takes over the forms that were good in an earlier life. */
  recall(units: readonly Unit[]): void {
    for (const unit of units) {
      const entry = this.#entries.get(unit.id) ?? newEntry();
      entry.good ??= unit;
      this.#entries.set(unit.id, entry);
    }
  }

  /** Takes what a source has now. True where that is anything else than before. */
  offer(source: UnitSource, { units, troubles }: Offer): boolean {
    const before = this.#summary(source);
    for (const entry of this.#entries.values()) {
      if (entry.wanted?.source === source) {
        entry.wanted = null;
      }
    }
    for (const unit of units) {
      const entry = this.#entries.get(unit.id) ?? newEntry();
      entry.wanted = unit;
      this.#entries.set(unit.id, entry);
    }
    this.#troubles.set(source, troubles);
    return this.#summary(source) !== before;
  }

  /** What the next build is made with. */
  choose(): Chosen {
    const units: Unit[] = [];
    const onTrial: Unit[] = [];
    const missing: { unit: Unit; trouble: Trouble }[] = [];
    for (const { wanted, good, proved, refused } of this.#sorted()) {
      if (wanted === null) {
        continue;
      }
      const form = refused?.hash === wanted.hash ? good : wanted;
      if (form !== null) {
        units.push(form);
        if (proved !== form.hash) {
          onTrial.push(form);
        }
      } else if (refused !== null) {
        missing.push({ unit: wanted, trouble: refused.trouble });
      }
    }
    return { units, onTrial, missing };
  }

  /** Takes one form of a unit out of use. Returns the trouble with the file that it must be in, where that is one. */
  refuse(unit: Unit, told: Trouble): Trouble {
    const { id, hash } = unit;
    const entry = this.#entries.get(id);
    if (entry === undefined) {
      return told;
    }
    const trouble = withFile(told, unit, entry.good?.hash === hash ? entry.earlier : entry.good);
    if (entry.good?.hash === hash) {
      entry.good = entry.earlier;
      entry.earlier = null;
    }
    if (entry.proved === hash) {
      entry.proved = null;
    }
    if (entry.wanted?.hash === hash) {
      entry.refused = { hash, trouble };
    }
    return trouble;
  }

  /** nginx verifiably serves what was built with these. */
  accept(units: readonly Unit[]): void {
    for (const unit of units) {
      const entry = this.#entries.get(unit.id);
      if (entry !== undefined) {
        entry.earlier = entry.good?.hash === unit.hash ? entry.earlier : entry.good;
        entry.good = unit;
        entry.proved = unit.hash;
      }
    }
    for (const [id, entry] of this.#entries) {
      if (entry.wanted === null) {
        this.#entries.delete(id);
      }
    }
  }

  /** Whether nginx was seen to serve this form, in this life or an earlier one. */
  isGood({ id, hash }: Unit): boolean {
    return this.#entries.get(id)?.good?.hash === hash;
  }

  /** The good form of each unit that has one. */
  goodForms(): Unit[] {
    return this.#sorted().flatMap(({ good }) => (good === null ? [] : [good]));
  }

  /** Whether an earlier form would take over. */
  hasPrevious({ id, hash }: Unit): boolean {
    const { good = null, earlier = null } = this.#entries.get(id) ?? {};
    return (good?.hash === hash ? earlier : good) !== null;
  }

  status(): UnitStatus[] {
    return this.#sorted().flatMap(({ wanted, good, proved, refused }): UnitStatus[] => {
      if (wanted === null) {
        return [];
      }
      const trouble = refused?.hash === wanted.hash ? refused.trouble : null;
      const inForce = proved === wanted.hash ? 'present' : without(trouble, good);
      return [{ unit: wanted, inForce, trouble }];
    });
  }

  /** What no unit could be made of. */
  troubles(): readonly Trouble[] {
    return order.flatMap((source) => this.#troubles.get(source) ?? []);
  }

  #sorted(): Entry[] {
    function place({ wanted }: Entry): number {
      return wanted === null ? -1 : order.indexOf(wanted.source);
    }
    return [...this.#entries]
      .sort(([a, one], [b, other]) => place(one) - place(other) || (a < b ? -1 : 1))
      .map(([, entry]) => entry);
  }

  #summary(source: UnitSource): string {
    const hashes = [...this.#entries.values()]
      .filter(({ wanted }) => wanted?.source === source)
      .map(({ wanted }) => `${wanted?.id} ${wanted?.hash}`);
    return JSON.stringify([hashes.sort(), this.#troubles.get(source) ?? []]);
  }
}

function newEntry(): Entry {
  return { wanted: null, good: null, earlier: null, proved: null, refused: null };
}

/** A trouble with a folder as a whole is one with the only file in which it differs from what was good. */
function withFile(trouble: Trouble, unit: Unit, good: Unit | null): Trouble {
  if (trouble.file !== unit.from) {
    return trouble;
  }
  const before = new Map(good?.templates.map(({ from, text }) => [from, text]));
  const files = [
    ...unit.templates.filter(({ from, text }) => before.get(from) !== text).map(({ from }) => from),
    ...(unit.plugin !== null && unit.plugin.text !== good?.plugin?.text ? [unit.plugin.from] : []),
  ];
  const [file] = files;
  return file === undefined || files.length > 1 ? trouble : { ...trouble, file };
}

/** What is in force of a unit whose present form is not. */
function without(trouble: Trouble | null, good: Unit | null): UnitStatus['inForce'] {
  if (trouble === null) {
    return 'on trial';
  }
  return good === null ? 'none' : 'previous';
}
