import {
  createPublicKey,
  generateKeyPairSync,
  sign,
  type ECKeyPairKeyObjectOptions,
  type KeyObject,
  type RSAKeyPairKeyObjectOptions,
} from 'node:crypto';

/** Makes X.509 certificates of any strength and date, which no library for good certificates does. */
export interface CertificateOptions {
  readonly key?: KeyObject;
  readonly commonName?: string;
  /** DNS subject alternative names; none where it is left out. */
  readonly names?: readonly string[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** Signs itself where there is none. */
  readonly issuer?: MadeCertificate;
  readonly hash?: 'sha256' | 'sha1' | 'md5';
}

export interface MadeCertificate {
  readonly pem: string;
  readonly keyPem: string;
  readonly key: KeyObject;
  readonly commonName: string;
}

const day = 86_400_000;
const around = Date.UTC(2026, 0, 1);

export function makeCertificate(options: CertificateOptions = {}): MadeCertificate {
  const key = options.key ?? ecKey();
  const commonName = options.commonName ?? 'test';
  const signer = options.issuer?.key ?? key;
  const algorithm = signatureAlgorithm(signer, options.hash ?? 'sha256');
  const body = sequence(
    tagged(0xa0, integer([2])),
    integer([1, ...Buffer.from(commonName).subarray(0, 8)]),
    algorithm,
    name(options.issuer?.commonName ?? commonName),
    sequence(time(options.notBefore ?? around - day), time(options.notAfter ?? around + 100 * day)),
    name(commonName),
    publicKeyOf(key),
    ...(options.names === undefined ? [] : [tagged(0xa3, sequence(alternativeNames(options.names)))]),
  );
  const digest = signer.asymmetricKeyType === 'ed25519' ? null : (options.hash ?? 'sha256');
  const signature = sign(digest, body, signer);
  const der = sequence(body, algorithm, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { pem: toPem('CERTIFICATE', der), keyPem, key, commonName };
}

export function ecKey(namedCurve = 'prime256v1'): KeyObject {
  const options: ECKeyPairKeyObjectOptions = { namedCurve };
  return generateKeyPairSync('ec', options).privateKey;
}

export function rsaKey(modulusLength: number): KeyObject {
  const options: RSAKeyPairKeyObjectOptions = { modulusLength };
  return generateKeyPairSync('rsa', options).privateKey;
}

function toPem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/gu) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key.export({ format: 'pem', type: 'pkcs8' })).export({
    format: 'der',
    type: 'spki',
  });
}

function signatureAlgorithm(signer: KeyObject, hash: 'sha256' | 'sha1' | 'md5'): Buffer {
  if (signer.asymmetricKeyType === 'ed25519') {
    return sequence(identifier([0x2b, 0x65, 0x70]));
  }
  if (signer.asymmetricKeyType === 'ec') {
    const last = hash === 'sha256' ? [0x03, 0x02] : [0x01];
    return sequence(identifier([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, ...last]));
  }
  const last = { sha256: 0x0b, sha1: 0x05, md5: 0x04 }[hash];
  return sequence(
    identifier([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last]),
    tagged(0x05, Buffer.alloc(0)),
  );
}

function name(commonName: string): Buffer {
  const text = tagged(0x0c, Buffer.from(commonName));
  return sequence(tagged(0x31, sequence(identifier([0x55, 0x04, 0x03]), text)));
}

function alternativeNames(names: readonly string[]): Buffer {
  const list = sequence(...names.map((each) => tagged(0x82, Buffer.from(each))));
  return sequence(identifier([0x55, 0x1d, 0x11]), tagged(0x04, list));
}

function time(milliseconds: number): Buffer {
  const text = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/gu, '');
  return tagged(0x18, Buffer.from(text));
}

function identifier(bytes: readonly number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes));
}

function integer(bytes: readonly number[]): Buffer {
  return tagged(0x02, Buffer.from(bytes));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) {
    return Buffer.concat([Buffer.from([tag, length]), content]);
  }
  const bytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}
