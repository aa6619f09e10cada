import type { Grammar } from './grammar.ts';
import { lowerCase, hasControlCharacter, shown, token, whole, type Parsed, type Token } from './token.ts';
import { caseless, pattern, type ValueType } from './value-type.ts';

/**
 * Text with nginx variables that somebody of the cluster wrote: `$name`, `${name}` and, where there is a regex that
 * they belong to, `$1` to `$9`. Its parts are known one by one, so that nothing else of it can expand.
 */
export interface RequestText {
  readonly parts: readonly RequestTextPart[];
}

export type RequestTextPart =
  { readonly literal: string } | { readonly variable: string } | { readonly capture: number };

/** What tells a request, its client and its connection; nothing of this machine, and nothing that nginx may not know. */
const variables: ReadonlySet<string> = new Set([
  'args',
  'best_http_host',
  'binary_remote_addr',
  'connection',
  'content_length',
  'content_type',
  'document_uri',
  'host',
  'is_args',
  'query_string',
  'remote_addr',
  'remote_port',
  'remote_user',
  'req_id',
  'request_id',
  'request_method',
  'request_uri',
  'scheme',
  'server_name',
  'server_port',
  'server_protocol',
  'uri',
]);

/** Variables of which there is one for each header, parameter or cookie. */
const families = /^(?:http|arg|cookie)_[a-z0-9_]{1,64}$/u;

/** Names of ingress-nginx's own, and what stands for them. */
const synonyms: Readonly<Record<string, string>> = {
  the_real_ip: 'remote_addr',
  pass_access_scheme: 'scheme',
};

const piece = /\$(?:\{([A-Za-z0-9_]{1,80})\}|([A-Za-z0-9_]{1,80})|)|[^$]+/gu;

const longest = 1024;

/** What may stand in the text beside the variables that are always known. */
export interface RequestTextRules {
  /** The characters that are no variables. */
  readonly literal: (text: string) => boolean;
  /** In words, for the error. */
  readonly allowed: string;
  readonly captures?: boolean;
  readonly more?: readonly string[];
}

/** Reads such a text. */
export function parseRequestText(text: string, rules: RequestTextRules): Parsed<RequestText> {
  const trimmed = text.trim();
  if (hasControlCharacter(trimmed) || trimmed.length > longest) {
    return { error: `${shown(text)} is not allowed: write ${rules.allowed}` };
  }
  const parts: RequestTextPart[] = [];
  for (const [found, braced, plain] of trimmed.matchAll(piece)) {
    const part = found.startsWith('$')
      ? readVariable(lowerCase(braced ?? plain ?? ''), plain !== undefined, rules)
      : { literal: found };
    if (part === null) {
      return {
        error: `${shown(text)} has ${shown(found)}, which is no variable that may stand here: write ${rules.allowed}`,
      };
    }
    for (const each of Array.isArray(part) ? part : [part]) {
      if ('literal' in each && !rules.literal(each.literal)) {
        return { error: `${shown(text)} is not allowed: write ${rules.allowed}` };
      }
      parts.push(each);
    }
  }
  return { value: { parts } };
}

/** What may stand in a text beside variables, and how it may begin. */
export interface RequestTextForm {
  readonly name: string;
  /** As in a class of a regular expression: it begins with `A-Za-z0-9`. */
  readonly characters: string;
  readonly allowed: string;
  readonly captures?: boolean;
  readonly more?: readonly string[];
  readonly samples: readonly string[];
}

/** The grammar of such a text. */
export function requestText(form: RequestTextForm): Grammar<RequestText> {
  const rules = rulesOf(form);
  return { parse: (text) => parseRequestText(text, rules), type: requestTextType(form) };
}

/** The rules for `parseRequestText` of a form. */
export function rulesOf({
  characters,
  allowed,
  captures = false,
  more = [],
}: RequestTextForm): RequestTextRules {
  return { literal: whole(`[${characters}]*`), allowed, captures, more };
}

/** The type of such a text. */
export function requestTextType(form: RequestTextForm): ValueType {
  const { name, allowed, samples } = form;
  const shape = pattern(`[${form.characters}]*(?:${variableParts(form)})*`, { longest });
  return { name, allowed, shape, exact: true, samples };
}

/** A pattern of a variable or a group and the characters after it. */
export function variableParts({ characters, captures = false, more = [] }: RequestTextForm): string {
  const literal = `[${characters}]*`;
  // A name without braces ends at the first character that could not be part of it.
  const marks = characters.replace('A-Za-z0-9', '').replace('_', '');
  const variable = variablePattern(more);
  return [
    `\\$\\{${variable}\\}${literal}`,
    `\\$${variable}${marks === '' ? '' : `(?:[${marks}]${literal})?`}`,
    ...(captures ? [`\\$(?:[1-9]|\\{[1-9]\\})${literal}`] : []),
  ].join('|');
}

/** A pattern of the names of variables that may stand in such a text, and of more. */
export function variablePattern(more: readonly string[] = []): string {
  const names = caseless([...variables, ...Object.keys(synonyms), ...more].join('|'));
  return `(?:${names}|(?:${caseless('http|arg|cookie')})_[A-Za-z0-9_]{1,64})`;
}

function readVariable(
  name: string,
  isPlain: boolean,
  { captures = false, more = [] }: RequestTextRules,
): RequestTextPart | RequestTextPart[] | null {
  if (/^[0-9]/u.test(name)) {
    // nginx reads one digit: `$10` is `$1` and a zero.
    const first = name.slice(0, 1);
    const rest = name.slice(1);
    if (!captures || first === '0' || (rest !== '' && !isPlain)) {
      return null;
    }
    return rest === '' ? { capture: Number(first) } : [{ capture: Number(first) }, { literal: rest }];
  }
  const own = synonyms[name] ?? name;
  return variables.has(own) || families.test(own) || more.includes(own) ? { variable: own } : null;
}

/** The text as nginx reads it. `captured` are the variables of the regex's groups; a group that is not there is empty. */
export function requestTextExpression(
  { parts }: RequestText,
  captured: readonly string[] = [],
): Token<'expression'> {
  let text = '';
  for (const [index, part] of parts.entries()) {
    if ('literal' in part) {
      text += part.literal;
      continue;
    }
    const name = 'variable' in part ? part.variable : captured[part.capture - 1];
    const next = parts[index + 1];
    const runsOn = next !== undefined && 'literal' in next && /^\w/u.test(next.literal);
    if (name !== undefined) {
      text += runsOn ? `\${${name}}` : `$${name}`;
    }
  }
  return token('expression', text);
}

/** Whether nothing of the text depends on a request. */
export function isFixed({ parts }: RequestText): boolean {
  return parts.every((part) => 'literal' in part);
}
