/** The words of whatever a plugin has thrown: it need be no error, and looking at it may throw again. */
export function messageOfThrown(thrown: unknown): string {
  try {
    const words: unknown = thrown instanceof Error ? thrown.message : thrown;
    return String(words);
  } catch {
    return 'it throws something that cannot be shown';
  }
}

/** The line of a plugin's file in which something was thrown, counted from 1; null where that is not known. */
export function lineOfThrown(from: string, thrown: unknown): number | null {
  let stack: unknown;
  try {
    stack = thrown instanceof Error ? thrown.stack : null;
  } catch {
    // As above.
    return null;
  }
  const text = typeof stack === 'string' ? stack : '';
  // As `sourceURL` names the file.
  const name = `${encodeURI(from)}:`;
  const at = text.indexOf(name);
  const line = /^\d+/u.exec(at < 0 ? '' : text.slice(at + name.length))?.[0];
  return line === undefined ? null : Number(line);
}
