import { X509Certificate } from 'node:crypto';
import { readPem } from './pem.ts';
import { SecretValue } from './secret-value.ts';
import type { Parsed } from './token.ts';

/** A bundle of every public authority has about 150. */
const mostAuthorities = 500;

/** Reads the certificates of authorities, in the words of an error that follow the field's name. Other blocks are left out. */
export function parseAuthorities(text: SecretValue): Parsed<SecretValue> {
  const blocks = readPem(text.reveal());
  if (blocks === null) {
    return { error: 'is cut off inside a PEM block: store the whole file' };
  }
  const certificates = blocks.filter(({ label }) => ['CERTIFICATE', 'X509 CERTIFICATE'].includes(label));
  if (certificates.length === 0) {
    return { error: 'has no "-----BEGIN CERTIFICATE-----" block: store the certificates of the CA as PEM' };
  }
  if (certificates.length > mostAuthorities) {
    return { error: `has ${certificates.length} certificates: at most ${mostAuthorities} are allowed` };
  }
  const damaged = certificates.findIndex((block) => !isReadable(block.text));
  return damaged < 0
    ? { value: new SecretValue(certificates.map((block) => block.text).join('')) }
    : { error: `cannot be read: its certificate number ${damaged + 1} is damaged` };
}

function isReadable(pem: string): boolean {
  try {
    return new X509Certificate(pem).publicKey.type === 'public';
  } catch {
    return false;
  }
}
