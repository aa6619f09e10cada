import type { Reason } from '../model/verdict.ts';
import { notSupported } from '../options/not-supported.ts';

const wordsForBoth: readonly RegExp[] = [
  /^is unknown and has no effect: /u,
  /^is blank and protects nothing: /u,
  /^has no effect beside /u,
  /^has no effect: annotations are read under /u,
  /^has no effect: ingress-nginx /u,
  /^has no effect on \S+: it is switched off \(kubernetes\.enable_ssl_passthrough\)/u,
  /^has no effect on \S+: it needs the full name of a host; the gateway itself ends TLS$/u,
  /^has no effect on \S+: the path \/ of the host is not that of this Ingress; the gateway itself ends TLS$/u,
  /^has no effect without /u,
  / holds(?: for the host)?, which is older$/u,
  // Certificates are served whatever their dates.
  /^the certificate expired on /u,
  /^the certificate is not valid before /u,
];

const notYetWords = /^not supported yet: ([a-z0-9-]+) has no effect$/u;
/** Of ssl-passthrough: backends that expect TLS would get HTTP. */
const notPassedWords = /^has no effect on .*; the gateway itself ends TLS$/u;
const optionField = /^data\["(.+)"\]$/u;

/**
 * Whether a reason tells of something that ingress-nginx does just the same, so that it is no difference.
 * `options` are those of the controller, as written.
 */
export function isAlike({ field, message }: Reason, options: Readonly<Record<string, string>>): boolean {
  if (wordsForBoth.some((words) => words.test(message))) {
    return true;
  }
  const option = optionField.exec(field)?.[1] ?? '';
  const asksForNothing = ['', 'false', '0'].includes(options[option]?.trim().toLowerCase() ?? '-');
  return notSupported.has(option) && asksForNothing;
}

/** Whether a reason that is not alike means, whatever the verdict, that the traffic of the object cannot come here. */
export function isLoss({ message }: Reason): boolean {
  return notPassedWords.test(message);
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
