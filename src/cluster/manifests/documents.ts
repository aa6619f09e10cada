import { loadAll, YAMLException } from 'js-yaml';
import type { ManifestProblem } from './problem.ts';
import { kubernetesSchema } from './yaml-schema.ts';

/** Alias nodes of one document: enough for hand-written anchors. What they multiply to is bounded by `ingest`. */
const maxAliases = 1000;

/** One document of a file and the line on which its content starts, from 1. */
export interface ManifestDocument {
  readonly value: unknown;
  readonly line: number;
}

export interface ParsedText {
  /** Without the empty ones. */
  readonly documents: readonly ManifestDocument[];
  /** Documents that do not parse: one each. */
  readonly problems: readonly ManifestProblem[];
}

interface Chunk {
  readonly text: string;
  /** Lines of the file before it. */
  readonly offset: number;
}

/**
 * Parses the text of a file: YAML documents, or one JSON value. Each document is parsed on its own, so that one
 * that does not parse leaves the others whole.
 */
export function parseDocuments(text: string, file: string): ParsedText {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  const json = parseJson(source);
  if (json !== null) {
    return withJsonDuplicates(json, source, file);
  }
  const documents: ManifestDocument[] = [];
  const problems: ManifestProblem[] = [];
  for (const chunk of splitDocuments(source)) {
    try {
      const line = chunk.offset + firstContentLine(chunk.text);
      for (const value of load(chunk.text)) {
        if (value !== null && value !== undefined) {
          documents.push({ value, line });
        }
      }
    } catch (error) {
      problems.push(problemOf(error, file, chunk.offset));
    }
  }
  return { documents, problems };
}

function load(text: string): unknown[] {
  return loadAll(text, { schema: kubernetesSchema, maxAliases });
}

/**
 * Splits at lines that start with `---`, where YAML ends a document whatever it is in the middle of. A file with
 * directives stays whole: they belong to the document after them.
 */
function splitDocuments(text: string): Chunk[] {
  if (/^%/m.test(text)) {
    return [{ text, offset: 0 }];
  }
  const chunks: Chunk[] = [];
  const marker = /^---(?=[ \t\r\n]|$)/gm;
  let start = 0;
  let offset = 0;
  for (const { index } of text.matchAll(marker)) {
    const chunk = text.slice(start, index);
    chunks.push({ text: chunk, offset });
    offset += countLines(chunk);
    start = index;
  }
  chunks.push({ text: text.slice(start), offset });
  return chunks;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    lines += 1;
  }
  return lines;
}

function firstContentLine(text: string): number {
  const match = /^(?:(?:---)?[ \t\r]*(?:#[^\n]*)?\n)+/.exec(text);
  return 1 + (match === null ? 0 : countLines(match[0]));
}

/** The value of a text that is JSON, wrapped; null for every other text. */
function parseJson(text: string): { value: unknown } | null {
  if (!/^\s*[{[]/.test(text)) {
    return null;
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    // YAML in flow style, or broken: the YAML parser has the better words for it.
    return null;
  }
}

/** JSON.parse takes the last of two equal keys without a word; the lost one may be the annotation that protects. */
function withJsonDuplicates(json: { value: unknown }, text: string, file: string): ParsedText {
  try {
    load(text);
  } catch (error) {
    // Anything else the YAML parser dislikes here (tabs as indentation) is fine in JSON.
    if (error instanceof YAMLException && error.reason.includes('duplicated mapping key')) {
      return { documents: [], problems: [problemOf(error, file, 0)] };
    }
  }
  return {
    documents: [{ value: json.value, line: 1 + countLines(/^\s*/.exec(text)?.[0] ?? '') }],
    problems: [],
  };
}

function problemOf(error: unknown, file: string, offset: number): ManifestProblem {
  if (error instanceof YAMLException) {
    const { mark, reason } = error;
    return {
      file,
      line: mark === undefined ? null : offset + mark.line + 1,
      column: mark === undefined ? null : mark.column + 1,
      message: `is no valid YAML: ${reason}${remedyFor(reason)}`,
    };
  }
  const name = error instanceof Error ? error.name : 'error';
  return {
    file,
    line: offset + 1,
    column: null,
    message: `cannot be parsed (${name}): it is nested too deeply`,
  };
}

function remedyFor(reason: string): string {
  if (reason.includes('duplicated mapping key')) {
    return '; keep one of the two';
  }
  if (reason.includes('tab characters')) {
    return '; indent with spaces';
  }
  if (reason.includes('document separator')) {
    return '; put a line "---" between two documents';
  }
  return reason.includes('maxAliases') ? '; write the values out' : '';
}
