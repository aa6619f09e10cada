import type { Meta, Secret } from '../cluster/objects.ts';
import { SecretValue } from '../model/secret-value.ts';
import type { Wanted } from './references.ts';

const dayMs = 86_400_000;

/** A user nobody has, in a form that nginx compares. */
const userName = 'stand-in';
const passwordHash = '{SHA}AAAAAAAAAAAAAAAAAAAAAAAAAAA=';

/** A name in a certificate. */
const dnsName = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]{0,250}[a-z0-9_])?$/u;

/** A Secret that is good for whatever names it: users, a certificate for its hosts, and an authority. */
export async function makeStandInSecret(meta: Meta, { hosts, form }: Wanted): Promise<Secret> {
  return {
    kind: 'Secret',
    meta,
    type: form === null ? 'kubernetes.io/tls' : 'Opaque',
    data: form === null ? await certificateFor(hosts) : usersIn(form),
  };
}

function usersIn(form: 'auth-file' | 'auth-map'): Secret['data'] {
  return form === 'auth-map'
    ? { [userName]: new SecretValue(passwordHash) }
    : { auth: new SecretValue(`${userName}:${passwordHash}\n`) };
}

async function certificateFor(hosts: ReadonlySet<string>): Promise<Secret['data']> {
  const { default: selfsigned } = await import('selfsigned');
  const names = ['ingress.local', ...[...hosts].filter((host) => dnsName.test(host))];
  const now = Date.now();
  const pair = await selfsigned.generate([{ name: 'commonName', value: 'stand-in of cng audit' }], {
    algorithm: 'sha256',
    keyType: 'ec',
    curve: 'P-256',
    notBeforeDate: new Date(now - dayMs),
    notAfterDate: new Date(now + 365 * dayMs),
    extensions: [
      { name: 'subjectAltName', altNames: names.map((value) => ({ type: 2 as const, value })) },
      { name: 'basicConstraints', cA: true },
    ],
  });
  return {
    'tls.crt': new SecretValue(pair.cert),
    'tls.key': new SecretValue(pair.private),
    'ca.crt': new SecretValue(pair.cert),
  };
}
