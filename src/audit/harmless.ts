import type { Reason } from '../model/verdict.ts';
import { notSupported } from '../options/not-supported.ts';

/** What removed or never had an effect in ingress-nginx 1.15 itself: losing it here changes nothing. */
const deadAnnotations: ReadonlySet<string> = new Set([
  'http2-push-preload',
  'secure-verify-ca-secret',
  'enable-influxdb',
  'influxdb-measurement',
  'influxdb-port',
  'influxdb-host',
  'influxdb-server-name',
]);

const wordsForBoth: readonly RegExp[] = [
  /^is unknown and has no effect: /u,
  /^is blank and protects nothing: /u,
  /^has no effect beside /u,
  /^has no effect: annotations are read under /u,
  /^has no effect: ingress-nginx /u,
  // Certificates are served whatever their dates.
  /^the certificate expired on /u,
  /^the certificate is not valid before /u,
];

const notYetWords = /^not supported yet: ([a-z0-9-]+) has no effect$/u;
const optionField = /^data\["(.+)"\]$/u;

/** What decides about single reasons, besides their words. */
export interface Circumstances {
  /** The options of the controller, as written. */
  readonly options: Readonly<Record<string, string>>;
  readonly passesTlsThrough: boolean;
}

/** Whether a reason tells of something that ingress-nginx does just the same, so that it is no difference. */
export function isAlike({ field, message }: Reason, { options, passesTlsThrough }: Circumstances): boolean {
  if (wordsForBoth.some((words) => words.test(message))) {
    return true;
  }
  const annotation = notYetWords.exec(message)?.[1] ?? '';
  if (annotation === 'ssl-passthrough' && !passesTlsThrough) {
    return true;
  }
  const option = optionField.exec(field)?.[1] ?? '';
  const asksForNothing = ['', 'false', '0'].includes(options[option]?.trim().toLowerCase() ?? '-');
  return deadAnnotations.has(annotation) || (notSupported.has(option) && asksForNothing);
}

/** Whether a reason, whatever the verdict, means that the traffic of the object cannot come here. */
export function isLoss({ message }: Reason, { passesTlsThrough }: Circumstances): boolean {
  return passesTlsThrough && notYetWords.exec(message)?.[1] === 'ssl-passthrough';
}

/** What to do, where the reason does not say it itself; null where it does. */
export function adviceFor({ message }: Reason): string | null {
  const name = notYetWords.exec(message)?.[1];
  if (name !== undefined) {
    return `remove ${name} if nothing needs it; otherwise leave this object with ingress-nginx until it is supported`;
  }
  return message.includes('is not supported yet')
    ? 'leave this object with ingress-nginx until it is supported'
    : null;
}
