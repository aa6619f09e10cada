import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readPem, type PemBlock } from './pem.ts';
import { SecretValue } from './secret-value.ts';
import { whole, type Parsed } from './token.ts';

/** A certificate, its chain and its key, checked to be a pair that nginx takes. */
export interface CertificatePair {
  /** The certificate, its chain in the given order, then the key: one file, so that no reader sees half a change. */
  readonly pem: SecretValue;
  /** DNS names in lower case, wildcards included: the subject alternative names, or the common name without any. */
  readonly names: readonly string[];
  /** Whether `names` are subject alternative names and not the common name. */
  readonly hasAlternativeNames: boolean;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** What is odd but can be served, in words. */
  readonly remarks: readonly string[];
}

/** Why a pair cannot be used: the field of the Secret's data that is to be changed, and what is wrong with it. */
export interface CertificateFault {
  readonly field: 'tls.crt' | 'tls.key';
  readonly message: string;
}

/** A longer chain is a mistake: public ones have two or three. */
const mostCertificates = 20;

/**
 * OpenSSL's security level 2 (its default in nginx's packages) asks for 112 bits. Measured with nginx 1.22.1 and
 * 1.30: RSA of 1952 bits is refused ("ee key too small"), of 1984 taken; of elliptic curves those below 224 bits.
 */
const leastRsaBits = 1984;
const leastCurveBits = 224;

const isDnsName = whole(
  '(?:\\*\\.)?[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*',
);

/**
 * Reads a certificate with its chain, and its key. Refused is what nginx would refuse to load, because one such file
 * keeps it from loading any other. Nothing of the text stands in a message.
 */
export function parseCertificatePair(
  certificates: SecretValue,
  key: SecretValue,
): { readonly value: CertificatePair } | { readonly fault: CertificateFault } {
  const chain = readChain(certificates.reveal());
  if ('error' in chain) {
    return { fault: { field: 'tls.crt', message: chain.error } };
  }
  const privateKey = readKey(key.reveal());
  if ('error' in privateKey) {
    return { fault: { field: 'tls.key', message: privateKey.error } };
  }
  const [leaf, ...issuers] = chain.value;
  if (leaf === undefined) {
    return { fault: { field: 'tls.crt', message: 'has no certificate' } };
  }
  if (!leaf.checkPrivateKey(privateKey.value)) {
    return { fault: { field: 'tls.key', message: mismatch(issuers, privateKey.value) } };
  }
  const { names, hasAlternativeNames } = namesOf(leaf);
  const pem = chain.value.map((one) => one.toString()).join('') + exportKey(privateKey.value);
  return {
    value: {
      pem: new SecretValue(pem),
      names,
      hasAlternativeNames,
      notBefore: leaf.validFromDate.getTime(),
      notAfter: leaf.validToDate.getTime(),
      remarks: chainRemarks(chain.value),
    },
  };
}

/** Whether a certificate's names cover a host: the same name, or a wildcard for exactly the host's first label. */
export function coversHost(names: readonly string[], host: string): boolean {
  const dot = host.indexOf('.');
  const wildcard = dot > 0 && !host.startsWith('*.') ? `*${host.slice(dot)}` : host;
  return names.includes(host) || names.includes(wildcard);
}

function readChain(text: string): Parsed<X509Certificate[]> {
  const blocks = readPem(text);
  if (blocks === null) {
    return { error: 'is cut off inside a PEM block: store the whole file' };
  }
  const certificates = blocks.filter(isCertificate);
  if (certificates.length === 0) {
    return {
      error: 'has no "-----BEGIN CERTIFICATE-----" block: store the server certificate and its chain as PEM',
    };
  }
  if (certificates.length > mostCertificates) {
    return { error: `has ${certificates.length} certificates: at most ${mostCertificates} are allowed` };
  }
  const chain: X509Certificate[] = [];
  for (const [index, block] of certificates.entries()) {
    const place = index === 0 ? 'its first certificate' : `its certificate number ${index + 1}`;
    const certificate = readCertificate(block);
    if (certificate === null) {
      return { error: `cannot be read: ${place} is damaged` };
    }
    const weakness = weaknessOf(certificate);
    if (weakness !== null) {
      return { error: `is too weak: ${place} ${weakness}, which OpenSSL refuses` };
    }
    chain.push(certificate);
  }
  return { value: chain };
}

function isCertificate(block: PemBlock): boolean {
  return ['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'].includes(block.label);
}

function readCertificate(block: PemBlock): X509Certificate | null {
  try {
    const certificate = new X509Certificate(block.text);
    // Some damage only shows when the key is taken out.
    return certificate.publicKey.type === 'public' ? certificate : null;
  } catch {
    return null;
  }
}

function weaknessOf(certificate: X509Certificate): string | null {
  const weakKey = weakKeyOf(certificate.publicKey);
  if (weakKey !== null) {
    return weakKey;
  }
  // The signature of a certificate that signs itself proves nothing, so OpenSSL does not look at it.
  const signsItself = certificate.subject === certificate.issuer && certificate.checkIssued(certificate);
  const algorithm = certificate.signatureAlgorithm ?? '';
  return !signsItself && /sha-?1(?!\d)|md[245]/iu.test(algorithm) ? `is signed with ${algorithm}` : null;
}

/** Says what is wrong with a key, in words that follow its place; null of a key that nginx can serve. */
function weakKeyOf(key: KeyObject): string | null {
  const details = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss': {
      const bits = details.modulusLength ?? 0;
      return bits < leastRsaBits ? `has an RSA key of ${bits} bits (2048 or more are needed)` : null;
    }
    case 'ec': {
      const bits = Number(/\d{3}/u.exec(details.namedCurve ?? '')?.[0] ?? 0);
      return bits < leastCurveBits
        ? `has a key on the elliptic curve ${details.namedCurve ?? '(unnamed)'} (use prime256v1 or secp384r1)`
        : null;
    }
    case 'ed25519':
    case 'ed448':
      return null;
    default:
      return `has a key of type ${key.asymmetricKeyType ?? 'unknown'} (use RSA or an elliptic curve)`;
  }
}

function readKey(text: string): Parsed<KeyObject> {
  const blocks = readPem(text);
  if (blocks === null) {
    return { error: 'is cut off inside a PEM block: store the whole file' };
  }
  const keys = blocks.filter((block) => block.label.endsWith('PRIVATE KEY'));
  const [first] = keys;
  if (first === undefined) {
    return { error: 'has no "-----BEGIN PRIVATE KEY-----" block: store the key of the certificate as PEM' };
  }
  if (keys.length > 1) {
    return { error: `has ${keys.length} keys: store only the one of the certificate` };
  }
  if (first.label.startsWith('ENCRYPTED') || first.text.includes('Proc-Type: 4,ENCRYPTED')) {
    return { error: 'is encrypted: store the key without a passphrase (openssl pkey -in KEY)' };
  }
  return openKey(first);
}

function openKey(block: PemBlock): Parsed<KeyObject> {
  try {
    return { value: createPrivateKey(block.text) };
  } catch {
    // OpenSSL's own words are left out: they may quote the key.
    return { error: 'is no private key that can be read: store it as unencrypted PEM' };
  }
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function mismatch(issuers: readonly X509Certificate[], key: KeyObject): string {
  const place = issuers.findIndex((certificate) => certificate.checkPrivateKey(key));
  return place < 0
    ? 'is not the key of the certificate in tls.crt: store the pair that belongs together'
    : `is the key of certificate number ${place + 2} in tls.crt: put that certificate first`;
}

function chainRemarks(chain: readonly X509Certificate[]): string[] {
  const remarks: string[] = [];
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1];
    if (issuer !== undefined && !certificate.checkIssued(issuer)) {
      remarks.push(
        `certificate number ${index + 2} did not issue number ${index + 1}: clients may not trust the chain; ` +
          'order it from the server certificate to the root',
      );
    }
  }
  return remarks;
}

function namesOf(certificate: X509Certificate): { names: string[]; hasAlternativeNames: boolean } {
  const entries = (certificate.subjectAltName ?? '').split(', ');
  const alternative = entries
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice('DNS:'.length).toLowerCase())
    // Node quotes names with a comma or a quote in them; no host can equal such a name.
    .filter(isDnsName);
  if (certificate.subjectAltName !== undefined) {
    return { names: [...new Set(alternative)].sort(), hasAlternativeNames: true };
  }
  const commonNames = certificate.subject
    .split('\n')
    .filter((line) => line.startsWith('CN='))
    .map((line) => line.slice('CN='.length).toLowerCase());
  return { names: commonNames.filter(isDnsName), hasAlternativeNames: false };
}
