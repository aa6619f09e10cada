import type { Context } from 'hono';
import { objectKey } from '../../model/object-ref.ts';
import { verdictStates, type Verdict } from '../../model/verdict.ts';
import { kindNames, readChoice, readNumber, readQuery } from '../debug-query.ts';
import { redactText } from '../../model/redact.ts';
import { isRefusal, type Refusal } from '../http-server-app.ts';
import { objectHref } from './code.ts';
import { readFormat, withParameters } from './format.ts';
import { paged } from './pager.ts';
import type { DebugTools } from './tools.ts';
import { countWords } from './words.ts';

const rowsPerPage = 100;

interface Filter {
  readonly state: string | null;
  readonly kind: string | null;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** Each has to stand in the key or in a reason. */
  readonly words: readonly string[];
}

/** `/debug/objects`: what became of each object. The JSON has exactly the public fields. */
export async function showObjects(
  context: Context,
  { view, pages, json }: DebugTools,
): Promise<Response | Refusal> {
  const query = readQuery(context, ['state', 'kind', 'namespace', 'name', 'limit', 'q', 'page']);
  const format = readFormat(context, 'json');
  if (isRefusal(query)) {
    return query;
  }
  // A form sends the fields that nobody has filled in, too.
  const given = format === 'html' ? new Map([...query].filter(([, value]) => value !== '')) : query;
  const state = readChoice(given, 'state', verdictStates);
  const kind = readChoice(given, 'kind', kindNames);
  const limit = readNumber(given, 'limit');
  const page = readNumber(given, 'page');
  if (isRefusal(state) || isRefusal(kind)) {
    return isRefusal(state) ? state : (kind as Refusal);
  }
  for (const parameter of [limit, page, format]) {
    if (isRefusal(parameter)) {
      return parameter;
    }
  }
  const q = given.get('q') ?? '';
  const filter = {
    state,
    kind,
    namespace: given.get('namespace'),
    name: given.get('name'),
    words: q
      .toLowerCase()
      .split(/\s+/u)
      .filter((word) => word !== ''),
  };
  const all = view.verdicts();
  const found = all.filter((verdict) => fits(verdict, filter));
  if (format !== 'html') {
    return json(context, found.slice(0, (limit as number | null) ?? undefined).map(verdictJson));
  }
  const { shown, pager } = paged(context, found, page as number | null, rowsPerPage);
  const kinds = new Set<string>(all.map((verdict) => verdict.kind));
  return pages.show(
    context,
    'objects',
    {
      title: 'Objects',
      section: '/debug/objects',
      jsonHref: withParameters(context, { format: 'json', page: null }),
      textHref: null,
    },
    {
      q,
      namespace: filter.namespace ?? '',
      name: filter.name ?? '',
      states: verdictStates.map((name) => ({ name, isChosen: name === state })),
      kinds: kindNames.filter((name) => kinds.has(name)).map((name) => ({ name, isChosen: name === kind })),
      rows: shown.map(verdictView),
      total: countWords(all.length),
      found: countWords(found.length),
      pager,
    },
  );
}

function fits(verdict: Verdict, { state, kind, namespace, name, words }: Filter): boolean {
  if (
    (state !== null && verdict.state !== state) ||
    (kind !== null && verdict.kind !== kind) ||
    (namespace !== undefined && verdict.namespace !== namespace) ||
    (name !== undefined && verdict.name !== name)
  ) {
    return false;
  }
  if (words.length === 0) {
    return true;
  }
  const reasons = verdict.reasons.flatMap(({ field, message }) => [field, message]);
  const text = [objectKey(verdict), ...reasons].join('\n').toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Exactly the public fields, whatever else a verdict may carry. */
export function verdictJson(verdict: Verdict): Verdict {
  return {
    kind: verdict.kind,
    namespace: verdict.namespace,
    name: verdict.name,
    state: verdict.state,
    reasons: verdict.reasons.map(({ field, message }) => ({ field, message })),
  };
}

/** A verdict as pages print it. */
export function verdictView({ kind, namespace, name, state, reasons }: Verdict): object {
  const key = objectKey({ kind, namespace, name });
  return {
    key,
    kind,
    namespace,
    name,
    state,
    href: objectHref(key),
    reasons: reasons.map(({ field, message }) => ({ field, message: redactText(message) })),
  };
}
