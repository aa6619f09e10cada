/**
 * Whether two capturing groups of a PCRE pattern can hold the same text: one stands inside the other, or inside
 * a look-around. Reads groups, classes, escapes and comments, nothing else; a broken pattern gives false.
 */
export function hasOverlappingCaptures(pattern: string): boolean {
  /** For each open group: whether what it holds may be captured a second time. */
  const open: boolean[] = [];
  let at = 0;
  while (at < pattern.length) {
    const character = pattern[at];
    if (character === '\\') {
      const literal = pattern[at + 1] === 'Q' ? pattern.indexOf('\\E', at) : -1;
      at = literal === -1 ? at + 2 : literal + 2;
    } else if (character === '[') {
      at = endOfClass(pattern, at);
    } else if (character === '(') {
      const rest = pattern.slice(at + 1, at + 5);
      if (rest.startsWith('?#')) {
        const end = pattern.indexOf(')', at);
        at = end === -1 ? pattern.length : end + 1;
        continue;
      }
      const shares = open.includes(true);
      const captures = isCapturing(rest);
      if (captures && shares) {
        return true;
      }
      open.push(captures || isLookAround(rest));
      at++;
    } else {
      if (character === ')') {
        open.pop();
      }
      at++;
    }
  }
  return false;
}

function isCapturing(rest: string): boolean {
  if (rest.startsWith('*')) {
    return false;
  }
  return !rest.startsWith('?') || /^\?(?:P?<[^=!]|')/.test(rest);
}

function isLookAround(rest: string): boolean {
  return /^\?<?[=!]/.test(rest);
}

/** Behind the `]`; a `]` that comes first is an ordinary character. */
function endOfClass(pattern: string, start: number): number {
  let at = start + 1;
  if (pattern[at] === '^') {
    at++;
  }
  if (pattern[at] === ']') {
    at++;
  }
  while (at < pattern.length && pattern[at] !== ']') {
    if (pattern[at] === '\\') {
      at++;
    } else if (pattern.startsWith('[:', at)) {
      const end = pattern.indexOf(':]', at);
      at = end === -1 ? at : end + 1;
    }
    at++;
  }
  return at + 1;
}
