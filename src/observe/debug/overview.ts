import type { Context } from 'hono';
import { verdictStates, type VerdictState } from '../../model/verdict.ts';
import { redactText } from '../../model/redact.ts';
import { isRefusal, type Refusal } from '../http-server-app.ts';
import type { ControllerView, OutputsView } from '../view.ts';
import { objectHref } from './code.ts';
import { linkTo, readFormat } from './format.ts';
import { generationRows } from './generations.ts';
import type { DebugTools } from './tools.ts';
import { trafficBlock, trafficFacts } from './traffic.ts';
import { countWords, momentOf } from './words.ts';

/** Generations that the page lists; `/debug/generations` has all. */
const shownGenerations = 8;

/** The pages and what they are for; `#` in a page's own part of the documentation. */
const debugPages: readonly { readonly path: string; readonly about: string }[] = [
  {
    path: '/debug/routes',
    about: 'Host, path, object, Service and endpoints of every route. ?q=words ?page=.',
  },
  {
    path: '/debug/explain',
    about: 'What becomes of a request, step by step. ?url= ?method= ?header=Name: value ?client=.',
  },
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
    path: '/debug/diff',
    about: 'What differs between two kept generations. ?from= ?to= ?object=.',
  },
  {
    path: '/debug/template',
    about:
      'The templates in force, where each came from, and what was refused. ?format=text; ?name=server: its text.',
  },
  { path: '/debug/model', about: 'What the templates were given for the live configuration.' },
  {
    path: '/debug/objects',
    about: 'What became of each object, and why. ?state= ?kind= ?namespace= ?name= ?limit=.',
  },
  {
    path: '/debug/object',
    about: 'All that is known of one object. ?object=Ingress/namespace/name.',
  },
  {
    path: '/debug/generations',
    about: 'The last attempts: why, how long each stage took, the outcome. ?limit=.',
  },
  {
    path: '/debug/traffic',
    about: 'Requests, errors and latency of the last hour, totals of each route. ?namespace= ?ingress=.',
  },
];

/** `/debug/`: how it stands, in one look. */
export async function showOverview(
  context: Context,
  { view, pages, json }: DebugTools,
  version: string,
): Promise<Response | Refusal> {
  const format = readFormat(context, 'html');
  if (isRefusal(format)) {
    return format;
  }
  if (format !== 'html') {
    return json(context, overviewJson(view, version));
  }
  const now = Date.now();
  const { stale = null } = view.readiness();
  const { healthy, reason: healthReason } = view.liveness();
  const generations = view.generations();
  const liveInfo = generations.find(({ number }) => number === view.live()?.number);
  const failed = view.failed();
  const counts = countStates(view);
  const total = view.verdicts().length;
  return pages.show(
    context,
    'overview',
    { title: 'Overview', section: '/debug/', jsonHref: '/debug/?format=json', textHref: null },
    {
      stale: stale === null ? null : redactText(stale),
      healthy,
      healthReason: healthReason === null ? null : redactText(healthReason),
      since: liveInfo === undefined ? null : momentOf(liveInfo.at, now),
      failed:
        failed === null
          ? null
          : {
              moment: momentOf(failed.at, now),
              stage: failed.stage,
              message: redactText(failed.message),
              objects: failed.objects.map((object) => ({ object, href: objectHref(object) })),
            },
      outputs: outputsData(view.outputs()),
      total: countWords(total),
      states: counts.map(([state, count]) => ({
        state,
        count: countWords(count),
        isNone: count === 0,
        href: linkTo('/debug/objects', { state }),
      })),
      shares: sharesOf(counts, total),
      traffic: trafficBlock(await trafficFacts(view), now),
      rows: generationRows(generations.slice(0, shownGenerations), generations, now),
      pages: debugPages,
    },
  );
}

function countStates(view: ControllerView): (readonly [VerdictState, number])[] {
  const counts = new Map<VerdictState, number>(verdictStates.map((state) => [state, 0]));
  for (const { state } of view.verdicts()) {
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return [...counts];
}

/** The parts of a bar of width 100. */
function sharesOf(counts: readonly (readonly [VerdictState, number])[], total: number): object[] {
  let x = 0;
  return counts.flatMap(([state, count]) => {
    // One of ten thousand must be seen, too.
    const width = count === 0 ? 0 : Math.max((count / total) * 100, 0.6);
    const share = { state, x: x.toFixed(2), width: width.toFixed(2) };
    x += width;
    return count === 0 ? [] : [share];
  });
}

/** What `/debug/` says to programs. */
function overviewJson(view: ControllerView, version: string): Record<string, unknown> {
  const { ready, reason: readyReason, stale = null } = view.readiness();
  const { healthy, reason: healthReason } = view.liveness();
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
      message: failed.message,
    },
    outputs: outputsData(view.outputs()),
    states: countStates(view).map(([state, count]) => ({ state, count })),
    generations: view
      .generations()
      .slice(0, shownGenerations)
      .map((info) => ({
        number: info.number,
        at: new Date(info.at).toISOString(),
        outcome: info.outcome,
        message: info.message,
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
