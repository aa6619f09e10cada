const redacted = '[redacted]';

/**
 * Of any kind: RSA, EC, encrypted, OpenSSH; its end may be missing. What can stand in a key goes (line breaks written
 * as \n included), what cannot stays: a bare first line must not let anybody hide the configuration that follows.
 */
const privateKey =
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[A-Za-z0-9+/=\s:,.\\-]+?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?![A-Za-z0-9+/=\s:,.\\-]))/g;
/** "-----BEGIN" in base64, as in the data of a Secret. */
const encodedPem = /LS0tLS1CRUdJ[A-Za-z0-9+/=_-]*/g;
/** Credentials in a URL; what begins with a `$` is an nginx variable (`http://$host:$port`), no credential. */
const urlCredentials = /(:\/\/)[^\s/?#@:$"']*(?::[^\s/?#@$"'][^\s/?#@"']*)?@/g;

/**
 * Hides private keys, PEM in base64 and credentials in URLs. Line breaks stay, so line numbers stay right. This is
 * the second fence: the first is that secret values have no text (`SecretValue`).
 */
export function redactText(text: string): string {
  let safe = text;
  if (safe.includes('PRIVATE KEY-----')) {
    safe = safe.replace(privateKey, (key) => key.replace(/[^\n]+/g, redacted));
  }
  if (safe.includes('LS0tLS1CRUdJ')) {
    safe = safe.replace(encodedPem, redacted);
  }
  return safe.includes('@') ? safe.replace(urlCredentials, `$1${redacted}@`) : safe;
}
