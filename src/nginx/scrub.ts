const longestQuote = 100;
const longestMessage = 400;

/** Names of folders: of the keys of that length, no more than one in a billion has not a single capital letter. */
function isPath(run: string): boolean {
  return /^\/?[a-z0-9_-]{1,39}(?:\/[a-z0-9_-]{1,39}){2,}\/?$/.test(run);
}

/**
 * Makes text that nginx said, or a line of its configuration, fit for logs, Events and debug pages: one line, no
 * credentials, no paths of this machine, bounded. nginx quotes configuration in its messages, so a header value or
 * a whole snippet may stand in them.
 */
export function scrub(text: string, stateDir: string): string {
  const scrubbed = text
    .replaceAll(`${stateDir}/`, '')
    .replaceAll(/candidate\/[0-9a-f]+\/nginx\.conf/g, 'nginx.conf')
    .replaceAll(/-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)/g, '[redacted]')
    .replaceAll(/\b(Basic|Bearer|Negotiate|Digest)\s+[^\s";]+/gi, '$1 [redacted]')
    .replaceAll(
      /\b([\w-]*(?:password|passwd|secret|token|api[-_]?key|authorization|cookie)[\w-]*["']?\s*[:= ]\s*)("[^"]*"|'[^']*'|[^\s;]+)/gi,
      '$1[redacted]',
    )
    // User and password of a URL.
    .replaceAll(/(\w+:\/\/)[^\s/@"']+@/g, '$1[redacted]@')
    // Runs that look like keys; a file's content hash after its folder is none.
    .replaceAll(/(?<![\w/+=-])(?![a-z-]+\/[0-9a-f]{16,128}\.)[A-Za-z0-9+/=_-]{40,}/g, (run) =>
      isPath(run) ? run : '[redacted]',
    )
    .replaceAll(/"([^"]*)"/g, (whole, inner: string) =>
      inner.length > longestQuote ? `"${inner.slice(0, longestQuote)}…"` : whole,
    )
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  return scrubbed.length > longestMessage ? `${scrubbed.slice(0, longestMessage)}…` : scrubbed;
}
