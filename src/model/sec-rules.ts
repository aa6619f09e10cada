import { hasControlCharacter, shown, token, type Parsed, type Token } from './token.ts';

/** Whose rules they are: those of an Ingress name no file but the two that ingress-nginx documents. */
export type RuleAuthor = 'ingress' | 'operator';

const longest = 64 * 1024;

/** Directives of ModSecurity that neither load code nor name files, with how many words may follow. */
const directives: Readonly<Record<string, readonly [number, number]>> = {
  SecRule: [2, 3],
  SecAction: [1, 1],
  SecMarker: [1, 1],
  SecDefaultAction: [1, 1],
  SecRuleEngine: [1, 1],
  SecRequestBodyAccess: [1, 1],
  SecResponseBodyAccess: [1, 1],
  SecRequestBodyLimit: [1, 1],
  SecRequestBodyNoFilesLimit: [1, 1],
  SecRequestBodyLimitAction: [1, 1],
  SecRequestBodyJsonDepthLimit: [1, 1],
  SecResponseBodyLimit: [1, 1],
  SecResponseBodyLimitAction: [1, 1],
  SecResponseBodyMimeType: [1, 50],
  SecResponseBodyMimeTypesClear: [0, 0],
  SecArgumentSeparator: [1, 1],
  SecArgumentsLimit: [1, 1],
  SecCookieFormat: [1, 1],
  SecPcreMatchLimit: [1, 1],
  SecPcreMatchLimitRecursion: [1, 1],
  SecCollectionTimeout: [1, 1],
  SecAuditEngine: [1, 1],
  SecAuditLogParts: [1, 1],
  SecAuditLogRelevantStatus: [1, 1],
  SecAuditLogFormat: [1, 1],
  SecComponentSignature: [1, 1],
  SecRuleRemoveById: [1, 50],
  SecRuleRemoveByTag: [1, 1],
  SecRuleRemoveByMsg: [1, 1],
  SecRuleUpdateTargetById: [2, 2],
  SecRuleUpdateTargetByTag: [2, 2],
  SecRuleUpdateTargetByMsg: [2, 2],
  SecRuleUpdateActionById: [2, 2],
};

/** Where the rules of ingress-nginx's image lie, which snippets of Ingresses may take in. */
const knownFiles: readonly string[] = [
  '/etc/nginx/modsecurity/modsecurity.conf',
  '/etc/nginx/owasp-modsecurity-crs/nginx-modsecurity.conf',
];

const operators: ReadonlySet<string> = new Set(
  `beginsWith contains containsWord detectSQLi detectXSS endsWith eq ge gt ipMatch le lt noMatch pm rx rxGlobal streq
  strmatch unconditionalMatch validateByteRange validateUrlEncoding validateUtf8Encoding verifyCC verifySSN within`
    .trim()
    .split(/\s+/u),
);

const actions: ReadonlySet<string> = new Set(
  `accuracy allow auditlog block capture chain ctl deny drop expirevar id initcol log logdata maturity msg multiMatch
  noauditlog nolog pass phase redirect rev setvar severity skip skipAfter status t tag ver`
    .trim()
    .split(/\s+/u),
);

/**
 * Reads rules of ModSecurity and writes them anew as one directive of nginx. Only directives, operators and actions of
 * a list: the others run programs and scripts, or name files. An error names the line.
 */
export function parseSecRules(text: string, author: RuleAuthor): Parsed<Token<'snippet'>> {
  if (text.length > longest) {
    return { error: `is longer than ${longest} characters` };
  }
  const lines: string[] = [];
  for (const { number, text: line } of joinedLines(text)) {
    const written = hasControlCharacter(line.replaceAll('\t', ' '))
      ? { error: 'has a control character: remove it' }
      : directiveOf(line, author);
    if ('error' in written) {
      return { error: `line ${number} ${written.error}` };
    }
    lines.push(written.value);
  }
  if (lines.length === 0) {
    return { error: 'has no rule' };
  }
  const escaped = lines.join('\n').replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return { value: token('snippet', `modsecurity_rules '${escaped}';`) };
}

/** Lines without comments; a backslash at the end joins one with the next. */
function joinedLines(text: string): { number: number; text: string }[] {
  const joined: { number: number; text: string }[] = [];
  let isOpen = false;
  for (const [index, raw] of text.split(/\r?\n/u).entries()) {
    const line = raw.trim();
    if (!isOpen && (line === '' || line.startsWith('#'))) {
      continue;
    }
    const goesOn = line.endsWith('\\');
    const part = goesOn ? line.slice(0, -1) : line;
    const last = joined.at(-1);
    if (isOpen && last !== undefined) {
      last.text += ` ${part}`;
    } else {
      joined.push({ number: index + 1, text: part });
    }
    isOpen = goesOn;
  }
  return joined;
}

const word = /"((?:[^"\\]|\\.)*)"|([^\s"]+)/y;

/** The words of a line, with and without their quotes; null where a quote is not closed. */
function wordsOf(line: string): { plain: string; written: string }[] | null {
  const words: { plain: string; written: string }[] = [];
  let at = 0;
  while (at < line.length) {
    if (/\s/u.test(line[at] ?? '')) {
      at += 1;
      continue;
    }
    word.lastIndex = at;
    const found = word.exec(line);
    if (found === null) {
      return null;
    }
    words.push({ plain: found[1] ?? found[2] ?? '', written: found[0] });
    at = word.lastIndex;
  }
  return words;
}

function directiveOf(line: string, author: RuleAuthor): Parsed<string> {
  const [first, ...rest] = wordsOf(line) ?? [];
  const name = first?.plain ?? '';
  const args = rest.map(({ plain }) => plain);
  if (name === '') {
    return { error: 'is no rule of ModSecurity: a quote is not closed' };
  }
  if (name === 'Include') {
    return knownFiles.includes(args[0] ?? '') && args.length === 1
      ? { value: line }
      : { error: `may not include ${shown(args.join(' '))}: allowed are ${knownFiles.join(', ')}` };
  }
  const [least, most] = Object.hasOwn(directives, name) ? (directives[name] ?? [0, -1]) : [0, -1];
  if (args.length < least || args.length > most) {
    const what =
      most < 0 ? 'is not among the directives that rules may have' : 'has too few or too many words';
    return { error: `${shown(name)} ${what}` };
  }
  const fault = name === 'SecRule' ? operatorFault(args[1] ?? '') : null;
  const list = {
    SecRule: args[2],
    SecAction: args[0],
    SecDefaultAction: args[0],
    SecRuleUpdateActionById: args[1],
  }[name];
  const wrong = fault ?? (list === undefined ? null : actionFault(list)) ?? auditFault(name, args, author);
  return wrong === null
    ? { value: [name, ...rest.map(({ written }) => written)].join(' ') }
    : { error: wrong };
}

function operatorFault(text: string): string | null {
  const name = /^!?\s*@([A-Za-z0-9_]+)/u.exec(text)?.[1];
  return name === undefined || operators.has(name)
    ? null
    : `has the operator @${name}, which rules may not have: it could name files or ask others`;
}

/** Actions are separated by commas, those in single quotes aside. */
function actionFault(text: string): string | null {
  const names = [...text.matchAll(/(?:^|,)\s*([A-Za-z]+)(?::(?:'(?:[^'\\]|\\.)*'|[^,]*))?/gu)].map(
    ([, name]) => name ?? '',
  );
  const unknown = names.find((name) => !actions.has(name));
  const isWhole = /^(?:(?:^|,)\s*[A-Za-z]+(?::(?:'(?:[^'\\]|\\.)*'|[^,]*))?\s*)*$/u.test(text);
  if (unknown === undefined) {
    return isWhole ? null : `has actions that cannot be read: ${shown(text)}`;
  }
  return `has the action ${shown(unknown)}, which rules may not have: it could run programs`;
}

/** An Ingress may not have what it does not see be written about everybody's requests. */
function auditFault(name: string, args: readonly string[], author: RuleAuthor): string | null {
  const isWriting = name === 'SecAuditEngine' && args[0]?.toLowerCase() !== 'off';
  return author === 'ingress' && isWriting
    ? 'may switch the audit log off only: it is the operator who keeps one'
    : null;
}
