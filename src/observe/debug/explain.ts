import type { Context } from 'hono';
import type {
  ExplainedOrigin,
  ExplainedTarget,
  Explanation,
  LocationLoser,
  Outcome,
  ServerLoser,
} from '../../explain/explanation.ts';
import { explainRequest, showExplanation } from '../debug-explain.ts';
import { isCredential } from '../../explain/request.ts';
import { isRefusal, type Refusal } from '../http-server-app.ts';
import { objectHref } from './code.ts';
import { linkTo, readFormat } from './format.ts';
import { verdictView } from './objects.ts';
import type { DebugTools } from './tools.ts';
import { sentence } from './words.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** A form sends what nobody has filled in, and headers one a line. */
interface Form {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly string[];
  readonly client: string;
}

/** `/debug/explain`: a form for a request, and below it what becomes of that. */
export async function showExplainPage(context: Context, tools: DebugTools): Promise<Response | Refusal> {
  const format = readFormat(context, 'json');
  if (isRefusal(format)) {
    return format;
  }
  const { pages, json } = tools;
  if (format !== 'html') {
    const shown = await showExplanation(context, tools);
    return isRefusal(shown) ? shown : json(context, shown);
  }
  const form = readForm(context);
  const explained =
    form.url === ''
      ? null
      : await explainRequest(context, tools, {
          url: form.url,
          method: form.method,
          headers: form.headers,
          client: form.client === '' ? undefined : form.client,
        });
  const problem = isRefusal(explained) ? explained : null;
  const explanation = isRefusal(explained) ? null : explained;
  // What a page shows is looked at over shoulders, and its links are handed on.
  const shown = { ...form, headers: form.headers.filter((line) => !isCredential(nameOf(line))) };
  const leftOut = new Set(form.headers.filter((line) => !shown.headers.includes(line)).map(nameOf));
  const chosen = methods.includes(form.method) ? methods : [...methods, form.method];
  return pages.show(
    context,
    'explain',
    {
      title: 'Explain',
      section: '/debug/explain',
      jsonHref: explanation === null ? null : jsonHref(shown),
      textHref: null,
    },
    {
      url: form.url,
      client: form.client,
      headers: shown.headers.join('\n'),
      leftOut: [...leftOut].join(', '),
      isMore: form.headers.length > 0 || form.client !== '',
      methods: chosen.map((name) => ({ name, isChosen: name === form.method })),
      problem: problem?.message ?? null,
      explanation: explanation === null ? null : explanationView(explanation),
    },
    problem,
  );
}

function readForm(context: Context): Form {
  const query = new URL(context.req.url).searchParams;
  return {
    url: (query.get('url') ?? '').trim(),
    method: query.get('method') || 'GET',
    headers: query
      .getAll('header')
      .flatMap((text) => text.split(/\r?\n/u))
      .map((line) => line.trim())
      .filter((line) => line !== ''),
    client: (query.get('client') ?? '').trim(),
  };
}

function nameOf(line: string): string {
  return (line.split(':')[0] ?? '').trim();
}

function jsonHref({ url, method, headers, client }: Form): string {
  const search = new URLSearchParams({ url, method, format: 'json' });
  for (const header of headers) {
    search.append('header', header);
  }
  if (client !== '') {
    search.set('client', client);
  }
  return `/debug/explain?${search.toString()}`;
}

function explanationView({
  request,
  listener,
  server,
  location,
  steps,
  outcome,
  verdict,
  remarks,
}: Explanation): object {
  return {
    request: {
      ...request,
      notes: request.notes.map(sentence),
      line: `${request.method} ${request.requestUri}`,
      sni: request.sni ?? '',
    },
    listener: listener === null ? null : `${listener.protocol.toUpperCase()} on port ${listener.port}`,
    server:
      server === null
        ? null
        : {
            names: server.names.length === 0 ? 'the default server' : server.names.join(', '),
            match: server.match,
            why: sentence(server.why),
            origin: originView(server.origin),
            lineHref: lineHref(server.line),
            line: server.line,
            tls:
              server.tls === null
                ? null
                : {
                    ...server.tls,
                    why: sentence(server.tls.why),
                    certificate: originView(server.tls.certificate),
                  },
            losers: server.losers.map(serverLoser),
            moreLosers: server.moreLosers,
          },
    location:
      location === null
        ? null
        : {
            path: `${location.modifier} ${location.path}`.trim(),
            why: sentence(location.why),
            origin: originView(location.origin),
            lineHref: lineHref(location.line),
            line: location.line,
            losers: location.losers.map(locationLoser),
            moreLosers: location.moreLosers,
          },
    steps: steps.map(({ kind, state, text, object }) => ({
      kind,
      state,
      text: sentence(text),
      object,
      href: object === null ? '' : objectHref(object),
    })),
    outcome: outcomeView(outcome),
    verdict: verdict === null ? null : verdictView(verdict),
    remarks: remarks.map(sentence),
  };
}

function originView(origin: ExplainedOrigin | null): object | null {
  return origin === null
    ? null
    : { object: origin.object, field: origin.field ?? '', href: objectHref(origin.object) };
}

function lineHref(line: number | null): string {
  return line === null ? '' : `${linkTo('/debug/config', { line })}#L${line}`;
}

function serverLoser({ names, origin, why }: ServerLoser): object {
  return {
    name: names.length === 0 ? 'the default server' : names.join(', '),
    why,
    origin: originView(origin),
  };
}

function locationLoser({ modifier, path, origin, why, fits }: LocationLoser): object {
  return { name: `${modifier} ${path}`.trim(), why, fits, origin: originView(origin) };
}

function outcomeView(outcome: Outcome): object {
  const targets = 'targets' in outcome ? outcome.targets.map(targetView) : [];
  const status = outcome.kind === 'answered' ? outcome.status : null;
  return {
    text: sentence(outcome.text),
    tone: toneOf(outcome, status),
    location: outcome.kind === 'answered' ? outcome.location : null,
    uri: outcome.kind === 'proxied' ? outcome.uri : null,
    provided: outcome.provided,
    targets,
  };
}

function toneOf({ kind }: Outcome, status: number | null): string {
  if (status === null) {
    return kind === 'unknown' ? 'warn' : 'good';
  }
  if (status >= 500) {
    return 'bad';
  }
  return status >= 400 ? 'warn' : 'good';
}

function targetView({ upstream, service, peers, protocol, balancing, share }: ExplainedTarget): object {
  return {
    name: service ?? upstream ?? peers.join(', '),
    href: service === null ? null : objectHref(service),
    peers,
    protocol,
    balancing: peers.length > 1 ? balancing : '',
    share: share === null ? null : `${share} %`,
  };
}
