import { parseExposition } from '../observe/exposition.ts';

/** The sum of all series of a name with these labels; 0 where there is none. */
export function sumOf(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return parseExposition(page)
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

/** The value of the only series of a name. */
export function figure(page: string, name: string): number {
  const found = parseExposition(page).filter((sample) => sample.name === name);
  if (found.length !== 1) {
    throw new Error(`${found.length} series ${name}`);
  }
  return found[0]?.value ?? Number.NaN;
}
