import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lexer } from '../../src/nginx/lexer.ts';

/** What an nginx (or the simulation of one) says first about a text. */
export interface Complaint {
  /** Null if it takes the text. */
  readonly message: string | null;
  /** 0 if it names none. */
  readonly line: number;
}

/** A folder of its own in which texts are tested by a real nginx. */
export class Oracle {
  readonly #folder = mkdtempSync(join(tmpdir(), 'cng-oracle-'));
  readonly #binary: string;

  constructor(binary: string) {
    this.#binary = binary;
  }

  /** Everything that `nginx -t` prints about the text. */
  output(text: string): string {
    const file = join(this.#folder, 'nginx.conf');
    writeFileSync(file, text);
    // The pid file is written by a test too, so it must not be the system's.
    const globals = `pid ${this.#folder}/nginx.pid; error_log stderr;`;
    const run = spawnSync(
      this.#binary,
      ['-t', '-p', this.#folder, '-e', 'stderr', '-g', globals, '-c', file],
      { encoding: 'utf8', timeout: 10_000 },
    );
    if (run.error) {
      throw run.error;
    }
    return run.stderr.replaceAll(file, 'FILE');
  }

  complaint(text: string): Complaint {
    return this.complaintIn(this.output(text));
  }

  /** The error among what nginx printed. */
  complaintIn(output: string): Complaint {
    const found = /\[emerg\] \d+#\d+: ([^]*?) in FILE:(\d+)\n/.exec(output);
    if (found) {
      return { message: asOneByte(found[1] ?? ''), line: Number(found[2]) };
    }
    if (output.includes('test is successful')) {
      return { message: null, line: 0 };
    }
    // What is found out at the end of `http` has no line.
    const unplaced = /\[emerg\] \d+#\d+: (.*)\n/.exec(output)?.[1];
    if (unplaced === undefined) {
      throw new Error(`nginx said neither yes nor what is wrong: ${output}`);
    }
    return { message: unplaced, line: 0 };
  }

  /** The warnings about words of a `types` block that stood there before. */
  duplicatesIn(output: string): string[] {
    const warnings = output.matchAll(/\[warn\] \d+#\d+: (duplicate extension [^]*? in FILE:\d+)\n/g);
    return [...warnings].map((warning) => warning[1] ?? '');
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Reads the text with our lexer and says what nginx would, as far as `events`, `http` and `types` go. */
export function simulate(text: string): Complaint & { readonly duplicates: readonly string[] } {
  const lexer = new Lexer(text);
  const blocks: string[] = [];
  const duplicates: string[] = [];
  const seen = new Map<string, string>();
  for (;;) {
    const step = lexer.next();
    const at = { line: lexer.line, duplicates };
    const inside = blocks.at(-1);
    if (step === 'error') {
      return { message: asOneByte(lexer.error?.message ?? ''), line: lexer.error?.line ?? 0, duplicates };
    }
    if (step === 'end') {
      const message = inside === undefined ? null : 'unexpected end of file, expecting "}"';
      return { ...at, message, line: message === null ? 0 : lexer.line };
    }
    if (step === 'block-end') {
      if (blocks.pop() === undefined) {
        return { ...at, message: 'unexpected "}"' };
      }
      continue;
    }
    const [name, ...args] = lexer.words.map((word) => word.text);
    if (inside === 'types') {
      if (step === 'block-start') {
        return { ...at, message: 'unexpected "{"' };
      }
      for (const extension of args.map((arg) => arg.replace(/[A-Z]/g, (letter) => letter.toLowerCase()))) {
        const previous = seen.get(extension);
        if (previous !== undefined) {
          const warning = `duplicate extension "${extension}", content type: "${name}", previous content type: "${previous}"`;
          duplicates.push(`${warning} in FILE:${lexer.line}`);
        }
        seen.set(extension, name ?? '');
      }
    } else if (step === 'block-start' && isKnownBlock(name, inside, args)) {
      blocks.push(name ?? '');
    } else {
      return { ...at, message: `unknown directive "${name}"` };
    }
  }
}

/** nginx names the first byte of an unexpected character, which is none by itself outside ASCII. */
export function asOneByte(message: string): string {
  return message.replace(/^unexpected "[^\0-\x7f]+"$/, 'unexpected "?"');
}

function isKnownBlock(
  name: string | undefined,
  inside: string | undefined,
  args: readonly string[],
): boolean {
  const outside = name === 'events' || name === 'http';
  return args.length === 0 && ((outside && inside === undefined) || (name === 'types' && inside === 'http'));
}
