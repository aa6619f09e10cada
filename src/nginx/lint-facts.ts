import type { Directive } from './grammar.ts';
import { usesCapture, variablesOf, type Violation } from './lint-patterns.ts';
import { authorityOf, clientChosen } from './lint-rules.ts';

/** A line, counted from the first of the fragment it was found in. */
export interface Place {
  readonly line: number;
  readonly directive: string;
}

/** A `map`: whether it matches by regex, and the variables that it reads. */
export interface MapFact {
  readonly variable: string;
  readonly hasRegex: boolean;
  readonly reads: readonly string[];
}

/** A variable that is given a value, the variables in that value, and whether the client writes it outright. */
export interface Assignment {
  readonly variable: string;
  readonly reads: readonly string[];
  readonly isClientChosen: boolean;
}

/** Variables in host and port of the target of a `*_pass`. */
export interface PassTarget extends Place {
  readonly variables: readonly string[];
}

/** One word that holds a positional capture and variables. */
export interface CaptureUse extends Place {
  readonly variables: readonly string[];
}

/** What one fragment does that is wrong only together with what another does. */
export interface Facts {
  readonly maps: MapFact[];
  readonly captureUses: CaptureUse[];
  readonly assignments: Assignment[];
  readonly passTargets: PassTarget[];
  readonly invalidHeadersKept: Place[];
  readonly largeHeaderBuffers: Place[];
  readonly http2Upstreams: Place[];
}

/** Facts to collect into. */
export function emptyFacts(): Facts {
  return {
    maps: [],
    captureUses: [],
    assignments: [],
    passTargets: [],
    invalidHeadersKept: [],
    largeHeaderBuffers: [],
    http2Upstreams: [],
  };
}

/** Above this a header no longer fits the length field of HTTP/2 (CVE-2026-42055). */
const largestHeaderBuffer = 2 * 1024 * 1024;

/** Adds what one directive contributes. */
export function collectFacts(directive: Directive, facts: Facts): void {
  const name = directive.name.text;
  const place = { line: directive.line, directive: name };
  for (const { text } of directive.args) {
    if (text.includes('$') && usesCapture(text)) {
      const variables = variablesOf(text);
      if (variables.length > 0) {
        facts.captureUses.push({ ...place, variables });
      }
    }
  }
  if (name.endsWith('_pass')) {
    const variables = variablesOf(authorityOf(directive.args[0]?.text ?? ''));
    if (variables.length > 0) {
      facts.passTargets.push({ ...place, variables });
    }
  }
  switch (name) {
    case 'map':
      facts.maps.push(mapFact(directive));
      for (const entry of directive.block ?? []) {
        assign(directive.args[1]?.text ?? '', entry.args[0]?.text ?? '', facts);
      }
      break;
    case 'set':
      assign(directive.args[0]?.text ?? '', directive.args[1]?.text ?? '', facts);
      break;
    case 'ignore_invalid_headers':
      if (directive.args[0]?.text === 'off') {
        facts.invalidHeadersKept.push(place);
      }
      break;
    case 'large_client_header_buffers':
    case 'client_header_buffer_size':
      if (bytesOf(directive.args.at(-1)?.text ?? '') > largestHeaderBuffer) {
        facts.largeHeaderBuffers.push(place);
      }
      break;
    case 'proxy_http_version':
      if (directive.args[0]?.text === '2') {
        facts.http2Upstreams.push(place);
      }
      break;
    case 'grpc_pass':
      facts.http2Upstreams.push(place);
      break;
    default:
  }
}

function assign(variable: string, value: string, facts: Facts): void {
  if (value.includes('$')) {
    facts.assignments.push({
      variable: variablesOf(variable)[0] ?? '',
      reads: variablesOf(value),
      isClientChosen: clientChosen.test(value),
    });
  }
}

function mapFact(directive: Directive): MapFact {
  const entries = directive.block ?? [];
  const words = [directive.args[0], ...entries.map((entry) => entry.args[0])];
  return {
    variable: variablesOf(directive.args[1]?.text ?? '')[0] ?? '',
    hasRegex: entries.some((entry) => entry.name.text.startsWith('~')),
    reads: words.flatMap((word) => variablesOf(word?.text ?? '')),
  };
}

/** Bytes of a size of nginx's (`8k`, `2m`, `1024`); 0 for anything else, which nginx refuses itself. */
function bytesOf(size: string): number {
  const found = /^(\d+)([km]?)$/i.exec(size);
  const unit = { k: 1024, m: 1024 * 1024 }[found?.[2]?.toLowerCase() ?? ''] ?? 1;
  return found ? Number(found[1]) * unit : 0;
}

/** The facts of one fragment, and how many lines of the text stand before it. */
export interface PlacedFacts {
  readonly facts: Facts;
  readonly lineOffset: number;
}

/** The patterns that take more than one fragment. Lines are those of the whole text. */
export function joinFacts(all: readonly PlacedFacts[]): Violation[] {
  return [...captureMapViolations(all), ...clientTargetViolations(all), ...largeHeaderViolations(all)];
}

function captureMapViolations(all: readonly PlacedFacts[]): Violation[] {
  if (!all.some(({ facts }) => facts.captureUses.length > 0)) {
    return [];
  }
  const tainted = regexMapVariables(all.flatMap(({ facts }) => facts.maps));
  return all.flatMap(({ facts, lineOffset }) =>
    facts.captureUses.flatMap(({ line, directive, variables }) => {
      const variable = variables.find((name) => tainted.has(name));
      if (variable === undefined) {
        return [];
      }
      const message =
        `"${directive}" uses a capture like $1 in one string with $${variable}, which a map with a regex sets ` +
        '(CVE-2026-42533); use a named capture, or "set" one of the two first';
      return [{ line: line + lineOffset, rule: 'capture-map', directive, message }];
    }),
  );
}

/** The variables whose reading runs a regex, directly or through another map. */
function regexMapVariables(maps: readonly MapFact[]): ReadonlySet<string> {
  const withRegex = maps.filter((map) => map.hasRegex).map((map) => map.variable);
  return spread(withRegex, maps);
}

/** These variables and all that read them, directly or through others. */
function spread(
  variables: readonly string[],
  uses: readonly { readonly variable: string; readonly reads: readonly string[] }[],
): ReadonlySet<string> {
  const readers = Map.groupBy(
    uses.flatMap(({ variable, reads }) => reads.map((read) => ({ variable, read }))),
    ({ read }) => read,
  );
  const reached = new Set(variables);
  // A Set hands out what is added while it is walked, so this follows chains to their end.
  for (const variable of reached) {
    for (const reader of readers.get(variable) ?? []) {
      reached.add(reader.variable);
    }
  }
  return reached;
}

/** Targets that the client chooses through a variable in between. */
function clientTargetViolations(all: readonly PlacedFacts[]): Violation[] {
  if (!all.some(({ facts }) => facts.passTargets.length > 0)) {
    return [];
  }
  const assignments = all.flatMap(({ facts }) => facts.assignments);
  const chosen = assignments.filter((one) => one.isClientChosen).map((one) => one.variable);
  const tainted = spread(chosen, assignments);
  return all.flatMap(({ facts, lineOffset }) =>
    facts.passTargets.flatMap(({ line, directive, variables }) => {
      const variable = variables.find((name) => tainted.has(name));
      if (variable === undefined) {
        return [];
      }
      const message =
        `"${directive}" lets the client choose the target through $${variable}, which is set from the request; ` +
        'choose the target with a map of fixed values instead';
      return [{ line: line + lineOffset, rule: 'open-proxy', directive, message }];
    }),
  );
}

function largeHeaderViolations(all: readonly PlacedFacts[]): Violation[] {
  const isPossible =
    all.some(({ facts }) => facts.invalidHeadersKept.length > 0) &&
    all.some(({ facts }) => facts.http2Upstreams.length > 0);
  if (!isPossible) {
    return [];
  }
  const message =
    ' is above 2m while "ignore_invalid_headers off" is set and requests go to HTTP/2 or gRPC backends ' +
    '(CVE-2026-42055); make it 2m or less';
  return all.flatMap(({ facts, lineOffset }) =>
    facts.largeHeaderBuffers.map(({ line, directive }) => ({
      line: line + lineOffset,
      rule: 'large-headers',
      directive,
      message: `"${directive}"${message}`,
    })),
  );
}
