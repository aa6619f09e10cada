import { hasControlCharacter, shown, token, type Parsed, type Token } from './token.ts';

const variable = /\$(?:\{([a-z0-9_]+)\}|([a-z0-9_]+))?/gu;

/** Variables that only ingress-nginx sets, and what stands for them here: a variable of nginx, or nothing. */
const foreign: Readonly<Record<string, string>> = {
  proxy_upstream_name: '${proxy_host}',
  proxy_alternative_upstream_name: '',
  the_real_ip: '${remote_addr}',
  pass_server_port: '${server_port}',
  namespace: '',
  ingress_name: '',
  service_name: '',
  service_port: '',
  location_path: '',
  balancer_ewma_score: '',
};

const noNames: ReadonlySet<string> = new Set();

export interface TextRules {
  /** In characters. */
  readonly longest?: number;
  /** Variables of ingress-nginx that are there where the text stands. */
  readonly known?: ReadonlySet<string>;
}

/** Positional captures hold what the last regex matched, which may be anybody's (CVE-2026-42533). */
const capture = /^[0-9]/u;

/**
 * Reads text with nginx variables, written by the operator: a log format, the value of a global header. `$` begins a
 * variable's name and nothing else. Variables that only ingress-nginx has are replaced (see `foreignVariables`).
 */
export function parseNginxText(
  text: string,
  { longest = 8192, known = noNames }: TextRules = {},
): Parsed<Token<'expression'>> {
  const joined = text.replaceAll(/[\r\n]+$/gu, '');
  if (hasControlCharacter(joined)) {
    return { error: `${shown(text)} has a control character or line end: write it in one line` };
  }
  if (joined.length > longest) {
    return { error: `${shown(text)} is longer than ${longest} characters` };
  }
  for (const [found, braced, bare] of joined.matchAll(variable)) {
    const name = braced ?? bare;
    if (name === undefined || capture.test(name)) {
      return {
        error: `${shown(text)} has ${shown(found)}, which begins no variable: write a name of lower-case letters after "$"`,
      };
    }
  }
  const replaced = joined.replaceAll(variable, (found, braced?: string, bare?: string) => {
    const name = braced ?? bare ?? '';
    return Object.hasOwn(foreign, name) && !known.has(name) ? (foreign[name] ?? '') : found;
  });
  return { value: token('expression', replaced) };
}

/** The variables of a text that nginx does not have and that are printed as nothing. */
export function foreignVariables(text: string, known: ReadonlySet<string> = noNames): string[] {
  return variableNames(text).filter(
    (name) => Object.hasOwn(foreign, name) && foreign[name] === '' && !known.has(name),
  );
}

/** The variables of a text, each once. */
export function variableNames(text: string): string[] {
  return [...new Set([...text.matchAll(variable)].map(([, braced, bare]) => braced ?? bare ?? ''))];
}
