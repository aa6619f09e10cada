import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { readPlainFile } from '../plain-file.ts';
import { SecretValue } from '../model/secret-value.ts';
import { writeDurably } from './durable-file.ts';

/** One year; made anew at the first start in its last thirty days. */
const validDays = 365;
const renewDays = 30;
const dayMs = 86_400_000;

/** Names that nobody can mistake for a real host, as ingress-nginx's own fake certificate has. */
const commonName = 'cloud-native-gateway default certificate';
const alternativeName = 'ingress.local';

/**
 * The self-made certificate that answers for hosts without their own: PEM of certificate and key. Kept in the
 * state directory, so that a restart does not change the configuration.
 * @throws the file system's own errors
 */
export async function defaultCertificate(stateDir: string): Promise<SecretValue> {
  const path = join(stateDir, 'default-certificate.pem');
  const kept = await readPlainFile(path).catch(() => null);
  if (kept !== null && isUsable(kept)) {
    return new SecretValue(kept);
  }
  const made = await makeCertificate();
  await writeDurably(path, made.reveal(), 0o600);
  return made;
}

/** Makes a certificate for `ingress.local`. */
export async function makeCertificate(): Promise<SecretValue> {
  // Loaded here alone: it costs 70 ms and 24 MB, and most starts find a certificate.
  // Its default export: a bundle has no named ones of a CommonJS package.
  const { default: selfsigned } = await import('selfsigned');
  const now = Date.now();
  const pair = await selfsigned.generate([{ name: 'commonName', value: commonName }], {
    algorithm: 'sha256',
    keyType: 'ec',
    curve: 'P-256',
    // An hour back: clocks of clients differ.
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate: new Date(now + validDays * dayMs),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: alternativeName }] }],
  });
  return new SecretValue(`${pair.cert.trim()}\n${pair.private.trim()}\n`);
}

function isUsable(pem: string): boolean {
  try {
    const { validTo } = new X509Certificate(pem);
    return pem.includes('PRIVATE KEY') && Date.parse(validTo) - Date.now() > renewDays * dayMs;
  } catch {
    // Half written or edited by hand: a new one is made.
    return false;
  }
}
