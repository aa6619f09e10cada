/** One block of a PEM text. */
export interface PemBlock {
  /** For example `CERTIFICATE` or `EC PRIVATE KEY`. */
  readonly label: string;
  /** From its first line to its last, lines trimmed and ended by `\n`. */
  readonly text: string;
}

const byteOrderMark = '\uFEFF';
const begin = '-----BEGIN ';
const end = '-----END ';
const dashes = '-----';

/**
 * Splits PEM text into its blocks. Text around blocks is left out (`openssl x509 -text` writes some), a byte order
 * mark, CR LF line ends and indentation are forgiven. Null where a block has no end, as in a truncated file.
 */
export function readPem(text: string): PemBlock[] | null {
  const blocks: PemBlock[] = [];
  let label: string | null = null;
  let lines: string[] = [];
  for (const raw of text.replaceAll(byteOrderMark, '').split(/\r\n|\r|\n/u)) {
    const line = raw.trim();
    if (line.startsWith(begin) && line.endsWith(dashes)) {
      if (label !== null) {
        return null;
      }
      label = line.slice(begin.length, -dashes.length);
      lines = [];
    }
    if (label === null) {
      continue;
    }
    lines.push(line);
    if (line === `${end}${label}${dashes}`) {
      blocks.push({ label, text: `${lines.join('\n')}\n` });
      label = null;
    }
  }
  return label === null ? blocks : null;
}
