import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Handlebars from 'handlebars';
import { verdictStates } from '../model/verdict.ts';
import type { VerdictState } from '../model/verdict.ts';
import { redactText } from '../model/redact.ts';
import type { ControllerView, OutputsView } from './view.ts';

/** Generations that the page lists; `/debug/generations` has all. */
const shownGenerations = 10;

/** The pages and what they are for. */
const debugPages: readonly { readonly path: string; readonly about: string }[] = [
  {
    path: '/debug/config',
    about:
      'The configuration that nginx serves. ?generation=N: an earlier one; ?object=Ingress/namespace/name: only what came from it; ?lines=10-20.',
  },
  {
    path: '/debug/config/failed',
    about: 'The last configuration that was refused, the offending line marked. ?lines=10-20.',
  },
  {
    path: '/debug/template',
    about:
      'The templates in force, where each came from, and what was refused. ?format=text; ?name=server: its text.',
  },
  {
    path: '/debug/explain',
    about:
      'Which server and location take a request, why, and what happens step by step. ?url= ?method= ?header= ?client=.',
  },
  { path: '/debug/model', about: 'What the templates were given for the live configuration.' },
  {
    path: '/debug/objects',
    about: 'What became of each object, and why. ?state= ?kind= ?namespace= ?name= ?limit=.',
  },
  {
    path: '/debug/generations',
    about: 'The last attempts: why, how long each stage took, the outcome. ?limit=.',
  },
];

/** What `/debug/` says, in the form that both its HTML and its JSON are made from. */
function indexData(view: ControllerView, version: string): Record<string, unknown> {
  const { ready, reason: readyReason, stale = null } = view.readiness();
  const { healthy, reason: healthReason } = view.liveness();
  const counts = new Map<VerdictState, number>(verdictStates.map((state) => [state, 0]));
  for (const { state } of view.verdicts()) {
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  const failed = view.failed();
  return {
    version,
    ready,
    readyReason,
    stale,
    healthy,
    healthReason,
    live: view.live(),
    failed: failed && {
      at: new Date(failed.at).toISOString(),
      stage: failed.stage,
      message: redactText(failed.message),
    },
    outputs: outputsData(view.outputs()),
    states: [...counts].map(([state, count]) => ({ state, count })),
    generations: view
      .generations()
      .slice(0, shownGenerations)
      .map((info) => ({
        number: info.number,
        at: new Date(info.at).toISOString(),
        outcome: info.outcome,
        message: info.message === null ? null : redactText(info.message),
        seconds: Object.values(info.seconds)
          .reduce((sum, seconds) => sum + seconds, 0)
          .toFixed(3),
        reasons: info.reasons.join(', '),
        textKept: info.textKept,
      })),
    pages: debugPages,
  };
}

/** Whose words are in `trouble` nobody knows: an API server's, a proxy's. */
function outputsData(outputs: OutputsView | null): OutputsView | null {
  if (outputs === null) {
    return null;
  }
  function redacted<T extends { readonly trouble: string | null }>(one: T | null): T | null {
    return one === null ? null : { ...one, trouble: one.trouble === null ? null : redactText(one.trouble) };
  }
  return {
    leader: redacted(outputs.leader),
    status: redacted(outputs.status),
    events: redacted(outputs.events),
  };
}

/** What makes the page of `/debug/`, as HTML or as JSON-able data. */
export interface DebugIndex {
  html(): string;
  data(): Record<string, unknown>;
}

/**
 * Reads and compiles `debug/index.hbs` of the templates folder; a field the template misspells throws. Throws when the
 * file is not there.
 */
export function createDebugIndex(view: ControllerView, version: string, templatesFolder: string): DebugIndex {
  const source = readFileSync(join(templatesFolder, 'debug', 'index.hbs'), 'utf8');
  // The HTML escaping is Handlebars' own default; an instance of our own knows no helper of the nginx templates.
  const template = Handlebars.create().compile(source, { strict: true, knownHelpersOnly: true });
  return {
    data: () => indexData(view, version),
    html: () => template(indexData(view, version)),
  };
}
