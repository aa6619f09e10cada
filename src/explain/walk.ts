import type { Capabilities } from '../model/capabilities.ts';
import type { Addition, Listener, Location, Model, Server } from '../model/model.ts';
import { isToken, type Token } from '../model/token.ts';
import type { ExplainedRequest, Step, StepKind, StepState } from './explanation.ts';
import { matchRegex, textOf } from './regex.ts';
import type { AskedRequest } from './request.ts';
import type { Variables } from './variables.ts';

/** An answer of nginx's own, before error pages are looked for. */
export interface End {
  readonly status: number;
  /** The header `Location`; null for none. */
  readonly location: string | null;
  readonly text: string;
}

/** The walk of one request through what was rendered: where it is, and what has been seen on the way. */
export class Walk {
  readonly model: Model;
  readonly capabilities: Capabilities;
  readonly asked: AskedRequest;
  readonly request: ExplainedRequest;
  readonly listener: Listener;
  readonly variables: Variables;
  readonly steps: Step[] = [];
  /** What has to be true for what is told. */
  readonly provided: string[] = [];
  readonly remarks: string[] = [];

  constructor(parts: Pick<Walk, 'model' | 'capabilities' | 'asked' | 'request' | 'listener' | 'variables'>) {
    this.model = parts.model;
    this.capabilities = parts.capabilities;
    this.asked = parts.asked;
    this.request = parts.request;
    this.listener = parts.listener;
    this.variables = parts.variables;
  }

  step(
    kind: StepKind,
    state: StepState,
    text: string,
    object: string | null,
    details: Readonly<Record<string, unknown>> = {},
  ): void {
    this.steps.push({ kind, state, text, details, object });
  }

  /** Notes something that nobody can tell, and goes on as if it were so. */
  assume(
    kind: StepKind,
    text: string,
    condition: string,
    object: string | null,
    details: Readonly<Record<string, unknown>> = {},
  ): void {
    this.step(kind, 'depends', text, object, details);
    this.provided.push(condition);
  }

  /** Ends the walk with an answer, which a step tells. */
  end(kind: StepKind, end: End, object: string | null, details: Readonly<Record<string, unknown>> = {}): End {
    const { status, location, text } = end;
    this.step(kind, 'ends', text, object, { ...details, status, location });
    return end;
  }

  /** Whether a regex of a map (letter case counts) matches; null where that cannot be told. */
  matches(pattern: Token<'regex'>, value: string | null, caseless = false): boolean | null {
    const answer = value === null ? null : matchRegex(pattern.text, caseless, value);
    return answer === null || 'unknown' in answer ? null : answer.match !== null;
  }

  /** The settings that a plugin has for http; null where it has none. */
  http(plugin: string): Addition['settings'] | null {
    return this.model.http.additions.find((each) => each.plugin === plugin)?.settings ?? null;
  }

  /** An expression as people read it: with its value where that can be told, else as it stands. */
  shown(part: Token): string {
    const value = this.variables.expand(part);
    return value === null ? part.text : textOf(value);
  }
}

/** The setting of a plugin under a key, if it is a token. */
export function tokenAt(settings: Addition['settings'], key: string): Token | null {
  const value = settings[key];
  return isToken(value) ? value : null;
}

/** The tokens of a list in a plugin's settings. */
export function tokensAt(settings: Addition['settings'], key: string): Token[] {
  const value = settings[key];
  return Array.isArray(value) ? value.filter((each) => isToken(each)) : [];
}

/** A number in a plugin's settings; null for none. */
export function numberAt(settings: Addition['settings'], key: string): number | null {
  const value = settings[key];
  return typeof value === 'number' ? value : null;
}

/** Settings within a plugin's settings; null for none. */
export function settingsAt(settings: Addition['settings'], key: string): Addition['settings'] | null {
  const value = settings[key];
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Addition['settings'])
    : null;
}

/** A list of settings within a plugin's settings. */
export function listAt(settings: Addition['settings'], key: string): Addition['settings'][] {
  const value = settings[key];
  return Array.isArray(value) ? (value as Addition['settings'][]) : [];
}

/** The settings that a plugin has in a location; null where it has none. */
export function additionOf(
  { additions }: Pick<Location | Server, 'additions'>,
  plugin: string,
): Addition['settings'] | null {
  return additions.find((each) => each.plugin === plugin)?.settings ?? null;
}
