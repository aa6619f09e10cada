/** Names longer than this are no typing errors. */
const longestName = 80;

/**
 * The candidate that differs least from a name, by single characters added, left out or replaced: at most two, and
 * fewer than half of the name. Among equals the first by name. Null where none is near.
 */
export function nearest(name: string, candidates: Iterable<string>): string | null {
  if (name.length > longestName) {
    return null;
  }
  const most = Math.min(2, Math.ceil(name.length / 2) - 1);
  let best: string | null = null;
  let least = most + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) > most) {
      continue;
    }
    const distance = editDistance(name, candidate);
    if (distance < least || (distance === least && best !== null && candidate < best)) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const added = (current[column - 1] ?? 0) + 1;
      const leftOut = (previous[column] ?? 0) + 1;
      current.push(Math.min(replaced, added, leftOut));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
