import type { Directive } from './grammar.ts';
import type { LintOptions } from './lint-options.ts';
import { hasOverlappingCaptures } from './regex-groups.ts';
import { advisories, hasFix } from './version.ts';

/** One refused line. */
export interface Violation {
  /** Counted from 1. */
  readonly line: number;
  /** Stable code of the rule. */
  readonly rule: string;
  /** Name of the directive; empty where it is about the text. */
  readonly directive: string;
  /** A sentence with the directive, what is wrong and what to do about it. */
  readonly message: string;
}

/** What `http` says and its servers take over. */
export type Inherited = Readonly<Record<string, string>>;

/** The settings that `http` hands down and that a rule asks about. */
export const inheritedSettings: readonly string[] = [
  'ssl_verify_client',
  'ssl_ocsp',
  'ssl_session_tickets',
  'ssl_session_cache',
];

/** A positional capture in use: `$1`, `${12}`. */
const positionalCapture = /\$\{?[1-9]/;
const variableUse = /\$\{?([A-Za-z_]\w*)/g;

/** Words of a directive without quotes and escapes, its name left out. */
export function argsOf(directive: Directive): string[] {
  return directive.args.map((word) => word.text);
}

/** Names of the variables in a word, positional captures left out. */
export function variablesOf(word: string): string[] {
  return word.includes('$') ? [...word.matchAll(variableUse)].map((match) => match[1] ?? '') : [];
}

/** Whether a word uses `$1` and the like. */
export function usesCapture(word: string): boolean {
  return positionalCapture.test(word);
}

/**
 * The patterns of one block whose flaw lies in how directives stand together: rewrites (CVE-2026-42945,
 * CVE-2026-9256) and, for a server, client certificates and what it listens on.
 */
export function blockViolations(
  block: Directive,
  parent: string,
  inherited: Inherited,
  options: LintOptions,
): Violation[] {
  const name = block.name.text;
  const violations: Violation[] = [];
  if (name === 'server' || name === 'location') {
    violations.push(...rewriteViolations(block));
  }
  if (name === 'server') {
    violations.push(...certificateViolations(block, parent, inherited, options));
    violations.push(...exposedStatusViolations(block));
  }
  return violations;
}

/** The directives that nginx compiles into one script, in order; an `if` is part of the script around it. */
function scriptOf(block: Directive): Directive[] {
  const script: Directive[] = [];
  for (const directive of block.block ?? []) {
    const name = directive.name.text;
    if (name === 'rewrite' || name === 'set' || name === 'if') {
      script.push(directive);
    }
    if (name === 'if') {
      script.push(...scriptOf(directive));
    }
  }
  return script;
}

function rewriteViolations(block: Directive): Violation[] {
  const violations: Violation[] = [];
  let withQuery: Directive | null = null;
  for (const directive of scriptOf(block)) {
    const name = directive.name.text;
    const args = argsOf(directive);
    if (withQuery && (args.some(usesCapture) || usesCapture(withQuery.args[1]?.text ?? ''))) {
      violations.push({
        line: directive.line,
        rule: 'rewrite-query',
        directive: name,
        message:
          `"${name}" follows the rewrite with "?" in its replacement of line ${withQuery.line} and unnamed captures are used ` +
          '(CVE-2026-42945); use named captures, or leave the "?" out',
      });
    }
    const replacement = args[1] ?? '';
    if (name === 'rewrite' && replacement.includes('?')) {
      withQuery ??= directive;
    }
    if (
      name === 'rewrite' &&
      usesCapture(replacement) &&
      variablesOf(replacement).length === 0 &&
      hasOverlappingCaptures(args[0] ?? '')
    ) {
      violations.push({
        line: directive.line,
        rule: 'rewrite-overlap',
        directive: name,
        message:
          '"rewrite" has captures inside captures and uses them by number (CVE-2026-9256); make the outer or inner group ' +
          'non-capturing "(?:…)", or use named captures',
      });
    }
  }
  return violations;
}

/** The last word given for a setting in this block, or what it takes over. */
function settingOf(block: Directive, name: string, inherited: Inherited): string | undefined {
  const own = block.block?.find((directive) => directive.name.text === name);
  return own ? (own.args[0]?.text ?? '') : inherited[name];
}

function certificateViolations(
  block: Directive,
  parent: string,
  inherited: Inherited,
  options: LintOptions,
): Violation[] {
  const version = options.nginxVersion ?? null;
  const violations: Violation[] = [];
  function report(setting: string, rule: string, message: string): void {
    const own = block.block?.find((directive) => directive.name.text === setting);
    const line = own?.line ?? block.line;
    violations.push({ line, rule, directive: setting, message: `"${setting}" ${message}` });
  }
  const verify = settingOf(block, 'ssl_verify_client', inherited) ?? 'off';
  const ocsp = settingOf(block, 'ssl_ocsp', inherited) ?? 'off';
  const flaw = parent === 'stream' ? advisories.streamOcsp : advisories.ocsp;
  if (ocsp !== 'off' && (verify !== 'off' || parent === 'stream') && !hasFix(version, flaw)) {
    const versions = [...flaw.stable, flaw.mainline].join(' or ');
    report('ssl_ocsp', 'client-ocsp', `needs nginx ${versions} at least (${flaw.cve}); set it to "off"`);
  }
  if (verify === 'off' || hasFix(version, advisories.clientCertificateReuse)) {
    return violations;
  }
  const cve = advisories.clientCertificateReuse.cve;
  if (settingOf(block, 'ssl_session_tickets', inherited) !== 'off') {
    const message = `asks for client certificates, but a session ticket of another server passes for one (${cve}); set "ssl_session_tickets off" here`;
    report('ssl_verify_client', 'client-certificate-reuse', message);
  }
  const cache = settingOf(block, 'ssl_session_cache', inherited) ?? 'none';
  const isOwn = settingOf(block, 'ssl_session_cache', {}) !== undefined && !isDefaultServer(block);
  if (cache !== 'off' && cache !== 'none' && !isOwn) {
    const message = `asks for client certificates, but shares its session cache with other servers (${cve}); set "ssl_session_cache off" here`;
    report('ssl_verify_client', 'client-certificate-reuse', message);
  }
  return violations;
}

function isDefaultServer(block: Directive): boolean {
  return (block.block ?? []).some(
    (directive) =>
      directive.name.text === 'listen' &&
      directive.args.some((word) => word.text === 'default_server' || word.text === 'default'),
  );
}

function exposedStatusViolations(block: Directive): Violation[] {
  const listens = (block.block ?? []).filter((directive) => directive.name.text === 'listen');
  const isPrivate =
    listens.length > 0 &&
    listens.every((listen) => /^(?:unix:|127\.|\[::1\]:|localhost:)/.test(listen.args[0]?.text ?? ''));
  if (isPrivate) {
    return [];
  }
  return findAll(block, 'stub_status', isForSome).map((directive) => ({
    line: directive.line,
    rule: 'exposed-status',
    directive: 'stub_status',
    message:
      '"stub_status" stands in a server that others can reach; move it to one that listens on a unix socket or on loopback, or allow some addresses there and deny all others',
  }));
}

/** Whether a location lets some addresses in and nobody else. */
function isForSome({ block }: Directive): boolean {
  const words = (block ?? []).map(({ name, args }) => `${name.text} ${args[0]?.text ?? ''}`);
  return (
    words.includes('deny all') && !words.some((each) => /^(?:satisfy |allow (?:all$|\S+\/0$))/u.test(each))
  );
}

function findAll(block: Directive, name: string, isExcepted: (block: Directive) => boolean): Directive[] {
  return isExcepted(block)
    ? []
    : (block.block ?? []).flatMap((directive) =>
        directive.name.text === name ? [directive] : findAll(directive, name, isExcepted),
      );
}
