import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:https';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import selfsigned from 'selfsigned';
import type { HttpAnswer, HttpRequest } from './http-client.ts';

const timeoutMs = 10_000;
const dayMs = 86_400_000;

/** A certificate with its key, both PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
  /** Of the certificate, in hexadecimal, as a client sees it on the wire. */
  readonly serial: string;
}

export interface CertificateOptions {
  /** Without any the common name is all there is. */
  readonly names?: readonly string[];
  readonly commonName?: string;
  /** When it ends, in days from now; a year by default, negative for an expired one. */
  readonly days?: number;
  /** Instead of an elliptic curve. */
  readonly rsaBits?: number;
  /** Signs itself by default. */
  readonly issuer?: Pair;
  readonly isAuthority?: boolean;
}

/** Makes a certificate for tests. */
export async function makePair(options: CertificateOptions): Promise<Pair> {
  const { names = [], issuer, rsaBits } = options;
  const now = Date.now();
  const made = await selfsigned.generate(
    [{ name: 'commonName', value: options.commonName ?? names[0] ?? 'test' }],
    {
      algorithm: 'sha256',
      keyType: rsaBits === undefined ? 'ec' : 'rsa',
      ...(rsaBits === undefined ? { curve: 'P-256' as const } : { keySize: rsaBits }),
      notBeforeDate: new Date(now - 800 * dayMs),
      notAfterDate: new Date(now + (options.days ?? 365) * dayMs),
      extensions: [
        { name: 'basicConstraints', cA: options.isAuthority ?? false },
        ...(names.length === 0
          ? []
          : [
              {
                name: 'subjectAltName' as const,
                altNames: names.map((value) => ({ type: 2 as const, value })),
              },
            ]),
      ],
      ...(issuer && { ca: { key: issuer.key, cert: issuer.cert } }),
    },
  );
  return { cert: made.cert, key: made.private, serial: new X509Certificate(made.cert).serialNumber };
}

/** What a TLS handshake with 127.0.0.1 ended in. */
export interface Handshake {
  readonly serial: string;
  readonly subjectAltName: string;
  /** Serials of all certificates that were sent, the server's own first. */
  readonly chain: readonly string[];
  readonly protocol: string;
  /** What was agreed on by ALPN; null for nothing. */
  readonly alpn: string | null;
}

export interface HandshakeOptions {
  readonly port: number;
  /** The name that the client asks for; none where it is absent. */
  readonly servername?: string;
  readonly alpn?: readonly string[];
  readonly version?: SecureVersion;
}

/** Opens a connection, looks at what the gateway shows, and closes it. Rejects where the handshake fails. */
export async function handshake(options: HandshakeOptions): Promise<Handshake> {
  const socket = await openTls(options);
  const certificate = socket.getPeerCertificate(true);
  const chain: string[] = [];
  let link = certificate;
  while (link?.serialNumber !== undefined && !chain.includes(link.serialNumber)) {
    chain.push(link.serialNumber);
    link = link.issuerCertificate;
  }
  const shown: Handshake = {
    serial: certificate.serialNumber,
    subjectAltName: certificate.subjectaltname ?? '',
    chain,
    protocol: socket.getProtocol() ?? '',
    alpn: socket.alpnProtocol === false ? null : socket.alpnProtocol,
  };
  socket.destroy();
  return shown;
}

/** A TLS connection to 127.0.0.1; the certificate is not checked. */
export async function openTls(options: HandshakeOptions): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: options.port,
    rejectUnauthorized: false,
    ...(options.servername !== undefined && { servername: options.servername }),
    ...(options.alpn && { ALPNProtocols: [...options.alpn] }),
    ...(options.version && {
      minVersion: options.version,
      maxVersion: options.version,
      // OpenSSL's own default forbids what is older than TLS 1.2, so that a refusal would be the client's.
      ciphers: 'DEFAULT@SECLEVEL=0',
    }),
  });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no handshake within ten seconds')));
  await once(socket, 'secureConnect');
  return socket;
}

export interface HttpsRequest extends Omit<HttpRequest, 'agent'> {
  /** By default the Host header without its port. */
  readonly servername?: string;
  /** The certificate that must be trusted; without it nothing is checked. */
  readonly trust?: string;
  /** What the client shows when it is asked for a certificate. */
  readonly client?: Pick<Pair, 'cert' | 'key'>;
}

/** One HTTPS request to 127.0.0.1 on a connection of its own. */
export async function https(options: HttpsRequest): Promise<HttpAnswer> {
  const host = options.host ?? 'localhost';
  return await new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: options.port,
        path: options.path ?? '/',
        method: options.method ?? 'GET',
        headers: { host, ...options.headers },
        servername: options.servername ?? host.replace(/:\d+$/u, ''),
        ...(options.client && { cert: options.client.cert, key: options.client.key }),
        ...(options.trust === undefined ? { rejectUnauthorized: false } : { ca: options.trust }),
        agent: false,
        timeout: timeoutMs,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8');
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within ten seconds')));
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}
