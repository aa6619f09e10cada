import { parseObjectKey, type ObjectKey } from '../model/object-ref.ts';

interface Group {
  readonly keys: readonly ObjectKey[];
  /** How many of it have been found at fault since it was made. */
  readonly convictions: number;
}

/** After this many culprits the rest of a group is tried by halves, so that the innocent ones in it come in sooner. */
const mostConvictions = 3;

/**
 * In which order groups of objects are tried: those of one namespace together, new groups that nothing is known against
 * first, and one that was refused after all others, so that no namespace holds up another one.
 */
export class TrialQueue {
  #groups: Group[] = [];

  /** Adds who is in no group yet. */
  enqueue(due: readonly { readonly key: ObjectKey; readonly isFirst: boolean }[]): void {
    const known = new Set(this.#groups.flatMap(({ keys }) => keys));
    const fresh = due.filter(({ key }) => !known.has(key));
    this.#groups = [
      ...byNamespace(fresh.filter(({ isFirst }) => isFirst).map(({ key }) => key)),
      ...this.#groups,
      ...byNamespace(fresh.filter(({ isFirst }) => !isFirst).map(({ key }) => key)),
    ];
  }

  /** The next group, of those in it who still are to be tried. It stays the next one until something comes of it. */
  next(isOpen: (key: ObjectKey) => boolean): readonly ObjectKey[] | null {
    this.#groups = this.#groups
      .map((group) => ({ ...group, keys: group.keys.filter(isOpen) }))
      .filter(({ keys }) => keys.length > 0);
    const [first] = this.#groups;
    return first === undefined ? null : first.keys;
  }

  /** The group that was next is not to be tried again. */
  done(group: readonly ObjectKey[]): void {
    this.#take(group);
  }

  /** The group that was next was refused. With nobody convicted, `apart` is tried by itself. */
  refused(group: readonly ObjectKey[], convicted: readonly ObjectKey[], apart: ObjectKey | null): void {
    const before = this.#take(group);
    const rest = group.filter((key) => !convicted.includes(key));
    const convictions = (before?.convictions ?? 0) + convicted.length;
    if (convicted.length > 0 && convictions < mostConvictions) {
      this.#groups.push({ keys: rest, convictions });
    } else if (apart !== null && rest.includes(apart)) {
      const others = rest.filter((key) => key !== apart);
      this.#groups.push({ keys: [apart], convictions: 0 }, { keys: others, convictions: 0 });
    } else {
      const middle = Math.ceil(rest.length / 2);
      const halves = [rest.slice(0, middle), rest.slice(middle)];
      this.#groups.push(...halves.map((keys) => ({ keys, convictions: 0 })));
    }
  }

  /** Takes one out that is not to be tried now. */
  drop(key: ObjectKey): void {
    this.#groups = this.#groups.map((group) => ({
      ...group,
      keys: group.keys.filter((each) => each !== key),
    }));
  }

  #take(group: readonly ObjectKey[]): Group | undefined {
    const at = this.#groups.findIndex(({ keys }) => keys[0] === group[0]);
    return at < 0 ? undefined : this.#groups.splice(at, 1)[0];
  }
}

/** The smallest first: it is the likeliest to pass. */
function byNamespace(keys: readonly ObjectKey[]): Group[] {
  const groups = new Map<string, ObjectKey[]>();
  for (const key of keys) {
    const namespace = parseObjectKey(key)?.namespace ?? '';
    groups.set(namespace, [...(groups.get(namespace) ?? []), key]);
  }
  return [...groups.values()]
    .sort((one, other) => one.length - other.length)
    .map((keysOfOne) => ({ keys: keysOfOne, convictions: 0 }));
}
