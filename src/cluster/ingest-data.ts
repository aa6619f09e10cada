import { Buffer, isUtf8 } from 'node:buffer';
import { SecretValue } from '../model/secret-value.ts';
import { emptyRecord, fieldOf, readText, readTextMap, wrong } from './ingest-fields.ts';
import type { Field } from './ingest-fields.ts';
import type { Report } from './ingest-report.ts';
import type { ConfigMap, Meta, Secret } from './objects.ts';

const dataKey = /^[-._a-zA-Z0-9]{1,253}$/;

/** Keys that nginx needs as text; other binary values (a Java key store beside a certificate) are nobody's fault. */
const textKeys: ReadonlySet<string> = new Set(['tls.crt', 'tls.key', 'ca.crt', 'ca.crl', 'auth']);

/**
 * Reads a Secret: `data` decoded from base64, `stringData` laid over it, as the API server does. A value that does
 * not decode refuses the Secret. Binary values are left out. No message ever holds a value.
 */
export function readSecret(to: Report, root: Field, meta: Meta): Secret {
  const type = readText(to, fieldOf(root, 'type'), 'reject') ?? 'Opaque';
  const data = emptyRecord<SecretValue>();
  const encoded = fieldOf(root, 'data');
  const texts = readTextMap(to, encoded, 'reject');
  for (const [key, text] of Object.entries(texts === undefined || texts === wrong ? {} : texts)) {
    const field = fieldOf(encoded, key);
    if (isDataKey(to, field, key)) {
      const value = decode(to, field, key, text);
      if (value !== null) {
        data[key] = value;
      }
    }
  }
  const plain = fieldOf(root, 'stringData');
  const overlay = readTextMap(to, plain, 'reject');
  for (const [key, text] of Object.entries(overlay === undefined || overlay === wrong ? {} : overlay)) {
    if (isDataKey(to, fieldOf(plain, key), key)) {
      data[key] = new SecretValue(text);
    }
  }
  return { kind: 'Secret', meta, type: type === wrong || type === '' ? 'Opaque' : type, data };
}

/** Reads a ConfigMap; a value that is not text refuses it, as in the API. `binaryData` is not used. */
export function readConfigMap(to: Report, root: Field, meta: Meta): ConfigMap {
  const field = fieldOf(root, 'data');
  const texts = readTextMap(to, field, 'reject');
  const data = emptyRecord<string>();
  for (const [key, text] of Object.entries(texts === undefined || texts === wrong ? {} : texts)) {
    if (isDataKey(to, fieldOf(field, key), key)) {
      data[key] = text;
    }
  }
  return { kind: 'ConfigMap', meta, data };
}

function isDataKey(to: Report, field: Field, key: string): boolean {
  if (dataKey.test(key) && key !== '.' && !key.startsWith('..')) {
    return true;
  }
  to.reject(
    field.path,
    'is no allowed key; a key has 1 to 253 letters, digits, "-", "_" and ".", and does not start with ".."',
  );
  return false;
}

/** As Go decodes it: standard alphabet, padding required, line breaks allowed. */
function decode(to: Report, field: Field, key: string, text: string): SecretValue | null {
  const packed = text.replace(/[\r\n]/g, '');
  if (packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed)) {
    to.reject(
      field.path,
      'is not base64; encode it with "base64 -w0", or write the plain text under stringData',
    );
    return null;
  }
  const bytes = Buffer.from(packed, 'base64');
  if (isUtf8(bytes)) {
    return new SecretValue(bytes.toString('utf8'));
  }
  if (textKeys.has(key)) {
    to.differ(field.path, 'holds binary data where text (PEM, a password file) is wanted; it is left out');
  }
  return null;
}
