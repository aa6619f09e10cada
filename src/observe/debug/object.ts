import type { Context } from 'hono';
import { dump } from 'js-yaml';
import { objectKey, parseObjectKey, type ObjectKey, type ObjectRef } from '../../model/object-ref.ts';
import { readObject, readQuery } from '../debug-query.ts';
import { redactText } from '../../model/redact.ts';
import { jsonPieces } from '../debug-redact.ts';
import { isRefusal, type Refusal } from '../http-server-app.ts';
import type { TrafficFilter } from '../traffic-view.ts';
import type { EndpointView } from '../view.ts';
import { neighboursOf, objectHref } from './code.ts';
import { configSlice } from './config.ts';
import { linkTo, readFormat } from './format.ts';
import { generationRows } from './generations.ts';
import { verdictJson, verdictView } from './objects.ts';
import type { RouteRow } from './route-table.ts';
import { routeView } from './routes.ts';
import type { DebugTools } from './tools.ts';
import { trafficBlock, trafficFacts } from './traffic.ts';
import { countWords } from './words.ts';

const shownLines = 300;
const shownRoutes = 50;
const shownEndpoints = 200;
const shownNames = 40;

/** `/debug/object`: all that is known of one object. */
export async function showObject(context: Context, tools: DebugTools): Promise<Response | Refusal> {
  const query = readQuery(context, ['object']);
  const format = readFormat(context, 'json');
  if (isRefusal(query)) {
    return query;
  }
  const object = readObject(query);
  if (isRefusal(object) || isRefusal(format)) {
    return isRefusal(object) ? object : (format as Refusal);
  }
  const ref = object === null ? null : parseObjectKey(object);
  if (object === null || ref === null) {
    return { refused: 400, message: 'object: it is missing; for example object=Ingress/default/shop' };
  }
  const { view, pages, json, routes } = tools;
  const verdict = view.verdicts().find((one) => objectKey(one) === object) ?? null;
  const manifest = view.object(ref);
  if (verdict === null && manifest === null) {
    return unknownObject(tools, ref);
  }
  const rows = ((await routes.rows()) ?? []).filter((row) => isAbout(row, object));
  const map = await view.sourceMap();
  const services = servicesOf(object, rows);
  const endpoints = services.map((service) => ({ service, endpoints: endpointsOf(tools, service) }));
  const related = relatedTo(object, rows, neighboursOf(map, object));
  const filter = filterFor(ref);
  const facts = filter === null ? null : await trafficFacts(view, filter);
  const changes = view
    .generations()
    .filter(({ objectsChanged, quarantined }) => [...objectsChanged, ...quarantined].includes(object));
  if (format !== 'html') {
    return json(context, {
      object,
      verdict: verdict === null ? null : verdictJson(verdict),
      manifest,
      routes: rows,
      endpoints,
      related,
      generations: changes.map(({ number }) => number),
      lines: (map?.ranges ?? []).filter((range) => range.object === object),
      traffic: facts,
    });
  }
  const slice = await configSlice(tools, object, shownLines);
  return pages.show(
    context,
    'object',
    {
      title: object,
      section: '/debug/objects',
      jsonHref: linkTo('/debug/object', { object, format: 'json' }),
      textHref: null,
    },
    {
      ...ref,
      object,
      verdict: verdict === null ? null : verdictView(verdict),
      yaml: manifest === null ? null : yamlOf(manifest),
      rows: rows.slice(0, shownRoutes).map(routeView),
      routesCount: countWords(rows.length),
      routesHref: rows.length > shownRoutes ? linkTo('/debug/routes', { q: object }) : null,
      endpoints: endpoints.map(({ service, endpoints: all }) => ({
        service,
        href: objectHref(service),
        isOwn: service === object,
        ready: all.filter(({ ready }) => ready).length,
        total: all.length,
        left: Math.max(all.length - shownEndpoints, 0),
        list: all.slice(0, shownEndpoints).map(endpointRow),
      })),
      related: related.slice(0, shownNames).map((name) => ({ object: name, href: objectHref(name) })),
      relatedMore: Math.max(related.length - shownNames, 0),
      slice:
        slice === null
          ? null
          : {
              number: slice.number,
              code: slice.code,
              left: Math.max(slice.count - slice.code.length, 0),
              href: linkTo('/debug/config', { object }),
              diffHref: changes.length > 1 ? linkTo('/debug/diff', { object }) : null,
            },
      hasTraffic: facts !== null,
      traffic: facts === null ? null : trafficBlock(facts, Date.now()),
      changes: generationRows(changes.slice(0, 10), view.generations(), Date.now()),
    },
  );
}

function isAbout(row: RouteRow, object: ObjectKey): boolean {
  return row.object === object || row.targets.some(({ service }) => service === object);
}

/** The Services whose endpoints belong to an object: those that its routes lead to, or it itself. */
function servicesOf(object: ObjectKey, rows: readonly RouteRow[]): ObjectKey[] {
  if (object.startsWith('Service/')) {
    return [object];
  }
  const services = rows.flatMap(({ targets }) =>
    targets.flatMap(({ service }) => (service === null ? [] : [service])),
  );
  return [...new Set(services)].sort();
}

function endpointsOf({ view }: DebugTools, service: ObjectKey): readonly EndpointView[] {
  const ref = parseObjectKey(service);
  return ref === null ? [] : view.endpoints(ref.namespace, ref.name);
}

function endpointRow({ address, ports, ready, terminating, zone, object }: EndpointView): object {
  return {
    address,
    ports: ports.join(', '),
    ready,
    state: ready ? 'ready' : 'not ready',
    terminating: terminating === true,
    zone: zone ?? '',
    object,
    href: objectHref(object),
  };
}

/** What shares routes or blocks with an object. */
function relatedTo(
  object: ObjectKey,
  rows: readonly RouteRow[],
  neighbours: readonly ObjectKey[],
): ObjectKey[] {
  const others = rows.flatMap((row) => [
    ...(row.object === null ? [] : [row.object]),
    ...row.targets.flatMap(({ service }) => (service === null ? [] : [service])),
  ]);
  return [...new Set([...others, ...neighbours])].filter((other) => other !== object).sort();
}

/** Traffic is counted by Ingress. */
function filterFor({ kind, namespace, name }: ObjectRef): TrafficFilter | null {
  return kind === 'Ingress' ? { namespace, ingress: name } : null;
}

/** By way of the JSON of all pages, which hides by form what must not be shown. */
function yamlOf(manifest: Readonly<Record<string, unknown>>): string {
  return redactText(dump(JSON.parse([...jsonPieces(manifest)].join('')), { lineWidth: -1, noRefs: true }));
}

function unknownObject({ view }: DebugTools, ref: ObjectRef): Refusal {
  const alike = view
    .verdicts()
    .filter(
      ({ kind, name, namespace }) => kind === ref.kind && (namespace === ref.namespace || name === ref.name),
    )
    .map(objectKey);
  return {
    refused: 404,
    message: `there is no object ${objectKey(ref)}`,
    more: { objects: alike.slice(0, shownNames), objectsTotal: alike.length },
  };
}
