import type { Secret } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import { coversHost } from '../model/certificate.ts';
import type { Certificate } from '../model/model.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { shown } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { isSound } from './backends.ts';
import type { ArtifactFiles } from './artifact-files.ts';
import type { HostPlan } from './hosts.ts';
import type { IngressPlan } from './ingress.ts';
import { readSecretPair, type SecretPair } from './secret-pair.ts';
import type { VerdictCollector } from './verdicts.ts';

/** That a host is served over TLS, and with what. */
export interface HostTls {
  /** Null: the default certificate. */
  readonly certificate: Certificate | null;
  /** What the certificate is valid for; none of the default one. */
  readonly names: readonly string[];
  /** The Ingresses whose routes alone are served over TLS; null: all routes of the host. */
  readonly only: ReadonlySet<ObjectKey> | null;
}

export interface TlsContext {
  readonly snapshot: Snapshot;
  readonly quarantine: ReadonlyMap<ObjectKey, Reason>;
  readonly verdicts: VerdictCollector;
  readonly files: ArtifactFiles;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const day = 24 * 60 * 60 * 1000;

/** As in ingress-nginx. */
const soon = 10 * day;

/** Chooses certificates for hosts. */
export class TlsChooser {
  readonly #context: TlsContext;
  readonly #judged = new Map<ObjectKey, SecretPair | { readonly error: string }>();

  constructor(context: TlsContext) {
    this.#context = context;
  }

  /**
   * The TLS of a host, or null of a host without. The first Ingress with a `tls` section decides: by the entry that
   * lists the host, else by the first entry whose certificate is valid for it, else for the default certificate. The
   * last is for the namespace that has the host alone to decide: another one, which has shown no certificate, could
   * send the visitors of a host that is not its own to a wrong one. It decides for its own routes.
   */
  choose(host: HostPlan): HostTls | null {
    const { name } = host;
    const [owner] = host.members;
    const strangers = new Set<ObjectKey>();
    for (const plan of name === null ? [] : host.members.filter(({ ingress }) => ingress.tls.length > 0)) {
      const { tls } = plan.ingress;
      const text = name?.text ?? '';
      const listed = tls.findIndex((entry) => entry.hosts.some((each) => each.toLowerCase() === text));
      const own = listed < 0 ? this.#byName(plan, text) : this.#byEntry(plan, listed, text);
      if (own !== null) {
        return own;
      }
      if (plan.ref.namespace === owner?.ref.namespace) {
        return { certificate: null, names: [], only: null };
      }
      strangers.add(plan.key);
      const message = `${text} belongs to ${owner?.key}: without a certificate that is valid for it, TLS holds for the routes of this object alone`;
      this.#context.verdicts.add(plan.ref, 'served-with-difference', 'spec.tls', message);
    }
    return strangers.size === 0 ? null : { certificate: null, names: [], only: strangers };
  }

  /** The certificate of `namespace/name` for connections that no host's own fits, or null where it is unusable. */
  chooseDefault(reference: string): Certificate | null {
    const [namespace = '', name = ''] = reference.split('/');
    const ref: ObjectRef = { kind: 'Secret', namespace, name };
    const pair = this.#judge(ref);
    if ('error' in pair) {
      const message = `the default certificate ${pair.error}; a self-made one is used (kubernetes.default_ssl_certificate)`;
      this.#context.verdicts.add(ref, 'rejected', 'data', message);
      return null;
    }
    return this.#context.files.add(pair, ref, null);
  }

  #byEntry(plan: IngressPlan, index: number, host: string): HostTls | null {
    const secretName = plan.ingress.tls[index]?.secretName ?? '';
    if (secretName === '') {
      return null;
    }
    const ref: ObjectRef = { kind: 'Secret', namespace: plan.ref.namespace, name: secretName };
    const pair = this.#judge(ref);
    const field = `spec.tls[${index}].secretName`;
    if ('error' in pair) {
      return this.#refuse(plan, field, `Secret ${shown(secretName)} ${pair.error}`);
    }
    if (!coversHost(pair.names, host)) {
      return this.#refuse(
        plan,
        field,
        `the certificate in Secret ${shown(secretName)} is not valid for ${host}`,
      );
    }
    this.#tellDates(plan.ref, field, pair);
    return { certificate: this.#context.files.add(pair, ref, plan.key), names: pair.names, only: null };
  }

  /** Common names do not count here: that a certificate fits by chance must be beyond doubt. */
  #byName(plan: IngressPlan, host: string): HostTls | null {
    for (const [index, { secretName }] of plan.ingress.tls.entries()) {
      const ref: ObjectRef = { kind: 'Secret', namespace: plan.ref.namespace, name: secretName };
      const pair = secretName === '' ? { error: '' } : this.#judge(ref);
      if (!('error' in pair) && pair.hasAlternativeNames && coversHost(pair.names, host)) {
        this.#tellDates(plan.ref, `spec.tls[${index}].secretName`, pair);
        return { certificate: this.#context.files.add(pair, ref, plan.key), names: pair.names, only: null };
      }
    }
    const message = `no entry lists ${host} and no certificate is valid for it: the default certificate answers`;
    this.#context.verdicts.add(plan.ref, 'served', 'spec.tls', message);
    return null;
  }

  #refuse(plan: IngressPlan, field: string, what: string): null {
    const message = `${what}; the default certificate answers`;
    this.#context.verdicts.add(plan.ref, 'served-with-difference', field, message);
    return null;
  }

  #judge(ref: ObjectRef): SecretPair | { readonly error: string } {
    const key = objectKey(ref);
    let judged = this.#judged.get(key);
    if (judged === undefined) {
      judged = this.#judgeSecret(ref);
      this.#judged.set(key, judged);
    }
    return judged;
  }

  #judgeSecret(ref: ObjectRef): SecretPair | { readonly error: string } {
    const { snapshot, quarantine, verdicts } = this.#context;
    const secret: Secret | undefined = snapshot.secrets.get(`${ref.namespace}/${ref.name}`);
    if (secret === undefined || !isSound(ref)) {
      return { error: `does not exist in namespace ${shown(ref.namespace)}: create it` };
    }
    verdicts.use(ref);
    const quarantined = quarantine.get(objectKey(ref));
    if (quarantined !== undefined) {
      verdicts.addAll(ref, 'quarantined', [quarantined]);
      return { error: `is quarantined: ${quarantined.message}` };
    }
    const pair = readSecretPair(secret);
    if ('fault' in pair) {
      const { field, message } = pair.fault;
      verdicts.add(ref, 'rejected', `data["${field}"]`, message);
      return { error: `cannot be used: ${field} ${message}` };
    }
    for (const remark of pair.remarks) {
      verdicts.add(ref, 'served-with-difference', 'data["tls.crt"]', remark);
    }
    this.#tellDates(ref, 'data["tls.crt"]', pair);
    return pair;
  }

  /** As in ingress-nginx a certificate is served whatever its dates; clients refuse it, so both sides are told. */
  #tellDates(object: ObjectRef, field: string, { notBefore, notAfter }: SecretPair): void {
    const { now, verdicts } = this.#context;
    if (notAfter < now) {
      const message = `the certificate expired on ${dateOf(notAfter)}: renew it; clients refuse it`;
      verdicts.add(object, 'served-with-difference', field, message);
    } else if (notBefore - day > now) {
      const message = `the certificate is not valid before ${dateOf(notBefore)}: clients refuse it until then`;
      verdicts.add(object, 'served-with-difference', field, message);
    } else if (notAfter < now + soon) {
      verdicts.add(object, 'served', field, `the certificate expires on ${dateOf(notAfter)}: renew it`);
    }
  }
}

function dateOf(time: number): string {
  return Number.isFinite(time) && Math.abs(time) < 8.64e15
    ? new Date(time).toISOString().slice(0, 10)
    : 'a far day';
}
