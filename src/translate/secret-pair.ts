import { createHash } from 'node:crypto';
import type { Secret } from '../cluster/objects.ts';
import { parseCertificatePair, type CertificateFault, type CertificatePair } from '../model/certificate.ts';

/** A usable pair and the name that its file has by its content. */
export interface SecretPair extends CertificatePair {
  /** SHA-256 of the file's content in hex. */
  readonly hash: string;
}

type Read = SecretPair | { readonly fault: CertificateFault };

/** Unchanged Secrets stay the same object from snapshot to snapshot, and parsing takes about a millisecond. */
const known = new WeakMap<Secret, Read>();

/** Reads `tls.crt` and `tls.key` of a Secret, whatever its type. */
export function readSecretPair(secret: Secret): Read {
  let read = known.get(secret);
  if (read === undefined) {
    read = parse(secret);
    known.set(secret, read);
  }
  return read;
}

function parse({ data }: Secret): Read {
  const certificate = Object.hasOwn(data, 'tls.crt') ? data['tls.crt'] : undefined;
  if (certificate === undefined) {
    return { fault: { field: 'tls.crt', message: 'is missing: store the certificate and its chain as PEM' } };
  }
  const key = Object.hasOwn(data, 'tls.key') ? data['tls.key'] : undefined;
  if (key === undefined) {
    return { fault: { field: 'tls.key', message: 'is missing: store the key of the certificate as PEM' } };
  }
  const parsed = parseCertificatePair(certificate, key);
  if ('fault' in parsed) {
    return parsed;
  }
  return { ...parsed.value, hash: hashOf(parsed.value.pem.reveal()) };
}

/** The name of a file by its content. */
export function hashOf(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}
