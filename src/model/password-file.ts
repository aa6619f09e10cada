import { SecretValue } from './secret-value.ts';
import { hasControlCharacter, whole } from './token.ts';

/** Users and hashes of their passwords, as nginx reads them, and what was left out. */
export interface PasswordFile {
  /** One `user:hash` for each line; null where no line is left. */
  readonly content: SecretValue | null;
  /** What is wrong with lines that were left out; names neither users nor hashes. */
  readonly problems: readonly string[];
}

/** nginx reads a line into a buffer of 2 KiB. */
const longestLine = 1000;

/** The forms that nginx or the C library underneath can compare a password with. */
const hashes: readonly ((text: string) => boolean)[] = [
  // MD5, its variant of Apache, SHA-256 and SHA-512, bcrypt, scrypt, yescrypt and its variant.
  whole('\\$(?:1|apr1|5|6|2[abxy]|7|y|gy)\\$[!-9;-~]{8,}'),
  // Plain text, of at least one character.
  whole('\\{PLAIN\\}[ -9;-~]+'),
  whole('\\{S?SHA\\}[A-Za-z0-9+/=]{27,}'),
  // DES.
  whole('[A-Za-z0-9./]{13}'),
];

/**
 * Reads a password file such as `htpasswd` writes. Lines that nginx could not use are left out: less users get in,
 * never more. Comments and empty lines are nothing to be told.
 */
export function readPasswordFile(text: string): PasswordFile {
  const kept: string[] = [];
  const problems: string[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/u).entries()) {
    if (line.trim() === '' || line.startsWith('#')) {
      continue;
    }
    const problem = problemOf(line);
    if (problem === null) {
      kept.push(line);
    } else {
      problems.push(`line ${index + 1} ${problem} and is left out`);
    }
  }
  return joined(kept, problems);
}

/** The same of a map from user to hash, in the order of the users. */
export function passwordFileOf(users: Readonly<Record<string, SecretValue>>): PasswordFile {
  const kept: string[] = [];
  const problems: string[] = [];
  for (const user of Object.keys(users).sort()) {
    const line = `${user}:${users[user]?.reveal().trim() ?? ''}`;
    const problem = problemOf(line);
    if (problem === null) {
      kept.push(line);
    } else {
      problems.push(`one of its keys ${problem} and is left out`);
    }
  }
  return joined(kept, problems);
}

function joined(lines: readonly string[], problems: readonly string[]): PasswordFile {
  const content = lines.length === 0 ? null : new SecretValue(lines.map((line) => `${line}\n`).join(''));
  return { content, problems };
}

function problemOf(line: string): string | null {
  if (hasControlCharacter(line) || line.length > longestLine) {
    return `has a control character or more than ${longestLine} characters`;
  }
  const colon = line.indexOf(':');
  if (colon < 1) {
    return 'does not begin with a user and ":"';
  }
  // What follows a second colon is a comment to nginx.
  const hash = line.slice(colon + 1).split(':')[0] ?? '';
  return hashes.some((isHash) => isHash(hash))
    ? null
    : 'has no password hash that nginx can compare (htpasswd -B makes one)';
}
