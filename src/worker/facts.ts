import { X509Certificate } from 'node:crypto';
import type { Model, ServerName } from '../model/model.ts';
import { parseObjectKey, type ObjectKey } from '../model/object-ref.ts';

/** A certificate of a Secret, for one of the hosts that it is served for. */
export interface CertificateFact {
  readonly namespace: string;
  readonly secret: string;
  /** `_` for the default server. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  readonly issuerOrganization: string;
  readonly issuerCommonName: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  /** For example `rsa`. */
  readonly keyType: string;
}

/** An upstream and how many endpoints it has in the configuration. */
export interface UpstreamFact {
  readonly namespace: string;
  readonly service: string;
  readonly name: string;
  readonly endpoints: number;
}

/** What the metrics tell of the configuration that is served. */
export interface Facts {
  /** Soonest to expire first. */
  readonly certificates: readonly CertificateFact[];
  /** Fewest endpoints first. */
  readonly upstreams: readonly UpstreamFact[];
  /** How many of both there are; the lists are no longer than `mostFacts`. */
  readonly certificateCount: number;
  readonly upstreamCount: number;
}

/** Entries of each list: one series each. */
export const mostFacts = 5000;

export function factsOf(model: Model): Facts {
  const certificates = certificatesOf(model).sort((a, b) => a.notAfter - b.notAfter);
  const upstreams = upstreamsOf(model).sort((a, b) => a.endpoints - b.endpoints);
  return {
    certificates: certificates.slice(0, mostFacts),
    upstreams: upstreams.slice(0, mostFacts),
    certificateCount: certificates.length,
    upstreamCount: upstreams.length,
  };
}

function certificatesOf({ servers, files }: Model): CertificateFact[] {
  const contents = new Map(files.map(({ path, content }) => [path, content]));
  const read = new Map<string, Omit<CertificateFact, 'namespace' | 'secret' | 'host'> | null>();
  return servers.flatMap(({ certificate, names }) => {
    const secret = certificate === null ? null : namedBy(certificate.origin);
    if (certificate === null || secret === null) {
      return [];
    }
    const path = certificate.path.text.split('/').slice(-2).join('/');
    let details = read.get(path);
    if (details === undefined) {
      details = detailsOf(contents.get(path) ?? '');
      read.set(path, details);
    }
    const { namespace, name } = secret;
    return (names.length === 0 ? ['_'] : names.flatMap(hostOf)).flatMap((host): CertificateFact[] =>
      details === null ? [] : [{ namespace, secret: name, host, ...details }],
    );
  });
}

/** Of the first certificate of a file; null where there is none that can be read. */
function detailsOf(pem: string): Omit<CertificateFact, 'namespace' | 'secret' | 'host'> | null {
  try {
    const certificate = new X509Certificate(pem);
    const issuer = certificate.issuer.split('\n').map((line) => line.split(/=(.*)/su));
    return {
      notAfter: certificate.validToDate.getTime(),
      issuerOrganization: issuer.find(([name]) => name === 'O')?.[1] ?? '',
      issuerCommonName: issuer.find(([name]) => name === 'CN')?.[1] ?? '',
      serialNumber: certificate.serialNumber.toLowerCase(),
      keyType: certificate.publicKey.asymmetricKeyType ?? '',
    };
  } catch {
    // It was read when it was taken: a file that is none any more is no figure.
    return null;
  }
}

/** A host of a rule; none for an alias that is a regex. */
function hostOf({ exact, regex }: ServerName): string[] {
  if (exact !== null) {
    return [exact.text];
  }
  const wildcard = /^\^\(\?<subdomain>\[\\w-\]\+\)(.*)\$$/u.exec(regex?.text ?? '');
  const ending = wildcard?.[1]?.replaceAll('\\', '');
  return ending === undefined ? [] : [`*${ending}`];
}

function upstreamsOf({ upstreams, passthrough, streams }: Model): UpstreamFact[] {
  const all = [...upstreams, ...(passthrough?.upstreams ?? []), ...streams.map(({ upstream }) => upstream)];
  return all.flatMap(({ name, origin, peers }): UpstreamFact[] => {
    const service = namedBy(origin);
    return service === null
      ? []
      : [{ namespace: service.namespace, service: service.name, name: name.text, endpoints: peers.length }];
  });
}

function namedBy(origin: ObjectKey | null): { readonly namespace: string; readonly name: string } | null {
  return origin === null ? null : parseObjectKey(origin);
}
