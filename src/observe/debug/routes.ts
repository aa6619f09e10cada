import type { Context } from 'hono';
import { readNumber, readQuery } from '../debug-query.ts';
import { isRefusal, type Refusal } from '../http-server-app.ts';
import { objectHref } from './code.ts';
import { linkTo, readFormat, withParameters } from './format.ts';
import { paged } from './pager.ts';
import { searchRoutes, type RouteRow } from './route-table.ts';
import type { DebugTools } from './tools.ts';
import { countWords } from './words.ts';

const rowsPerPage = 100;

/** Addresses that a row has room for. */
const shownEndpoints = 4;

const matchWords: Readonly<Record<RouteRow['match'], string>> = {
  exact: 'exactly',
  prefix: 'and below',
  bytes: 'and what begins so',
  regex: 'regex',
  passthrough: 'TLS passed through',
  stream: 'stream',
};

/** A request for such a path can be made up. */
const askable: readonly RouteRow['match'][] = ['exact', 'prefix', 'bytes'];

/** One route as the partial `routes-table` prints it. */
export function routeView(row: RouteRow): object {
  const { host, aliases, tls, path, match, object, targets, answer, plugins } = row;
  const canAsk = askable.includes(match) && /^[a-z0-9]/u.test(host);
  return {
    host: host === '_' ? 'any other host' : host,
    isAnyHost: host === '_',
    aliases: aliases.join(', '),
    tls,
    path,
    match: matchWords[match],
    object,
    objectHref: object === null ? '' : objectHref(object),
    answer,
    plugins,
    explainHref: canAsk
      ? linkTo('/debug/explain', { url: `${tls ? 'https' : 'http'}://${host}${path}` })
      : null,
    targets: targets.map(({ service, name, endpoints, when }) => ({
      service,
      serviceHref: service === null ? '' : objectHref(service),
      name,
      when,
      endpoints: endpoints.slice(0, shownEndpoints),
      more: Math.max(endpoints.length - shownEndpoints, 0),
    })),
  };
}

/** `/debug/routes`: every way into the gateway and where it leads, searched here and shown in pages. */
export async function showRoutes(
  context: Context,
  { routes, pages, json }: DebugTools,
): Promise<Response | Refusal> {
  const query = readQuery(context, ['q', 'page', 'limit']);
  const format = readFormat(context, 'json');
  if (isRefusal(query)) {
    return query;
  }
  const page = readNumber(query, 'page');
  const limit = readNumber(query, 'limit');
  for (const parameter of [page, limit, format]) {
    if (isRefusal(parameter)) {
      return parameter;
    }
  }
  const all = await routes.rows();
  if (all === null) {
    return { refused: 404, message: 'no generation is live yet, so there are no routes' };
  }
  const words = query.get('q') ?? '';
  const found = searchRoutes(all, words);
  if (format !== 'html') {
    return json(context, found.slice(0, (limit as number | null) ?? undefined));
  }
  const { shown, pager } = paged(context, found, page as number | null, rowsPerPage);
  return pages.show(
    context,
    'routes',
    {
      title: 'Routes',
      section: '/debug/routes',
      jsonHref: withParameters(context, { format: 'json', page: null }),
      textHref: null,
    },
    {
      words,
      rows: shown.map(routeView),
      total: countWords(all.length),
      found: countWords(found.length),
      pager,
    },
  );
}
