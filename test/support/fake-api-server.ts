import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Fault } from './fake-api-server-faults.ts';
import {
  createFakeObjects,
  type FakeEvent,
  type FakeObjects,
  type FakeRecord,
} from './fake-api-server-objects.ts';
import {
  readRequest,
  representationOf,
  represent,
  selects,
  type FakeVerb,
  type SeenRequest,
} from './fake-api-server-request.ts';
import { answerWatch, type FakeWatch, type WatchBehaviour, type WatchHost } from './fake-api-server-watch.ts';
import { writeObject } from './fake-api-server-write.ts';

export { hang, raw, reset, status, type Fault } from './fake-api-server-faults.ts';
export type { FakeObject } from './fake-api-server-objects.ts';
export type { SeenRequest } from './fake-api-server-request.ts';
export type { FakeWatch } from './fake-api-server-watch.ts';

/** How the server behaves from now on; may be changed at any time. */
export interface FakeBehaviour extends WatchBehaviour {
  watchList: WatchBehaviour['watchList'];
  bookmarkEveryMs: number | null;
  /** `apiVersion/plural` answered 404. */
  notServed: Set<string>;
  /** Plurals answered 403. */
  forbidden: Set<string>;
  /** Bearer tokens that are let in; null lets everybody in. */
  tokens: Set<string> | null;
}

/** Which requests are meant; what is left out means any. */
export interface RequestPattern {
  readonly verb?: FakeVerb;
  readonly plural?: string;
  readonly name?: string;
  readonly subresource?: string;
}

export interface FakeApiServer {
  readonly url: string;
  readonly objects: FakeObjects;
  readonly behaviour: FakeBehaviour;
  /** Every request so far, in order. */
  readonly requests: readonly SeenRequest[];
  /** Open watches, oldest first. */
  readonly watches: readonly FakeWatch[];
  /** Creates or replaces objects; each is an event for the watches. */
  put(...objects: readonly object[]): void;
  /** Deletes the object that `apiVersion`, `kind` and `metadata` of this one name. */
  remove(collection: string, key: string): void;
  /** The next `times` requests of that sort are answered by `fault`. Faults for the same sort queue up. */
  failNext(pattern: RequestPattern, fault: Fault, times?: number): void;
  /** Like `failNext`, until the returned function is called. */
  failAll(pattern: RequestPattern, fault: Fault): () => void;
  count(pattern: RequestPattern): number;
  watchesOf(plural: string): readonly FakeWatch[];
  /** The most watches of one collection and selector that were ever open at once. */
  readonly mostWatches: number;
  /** TCP connections so far, and now. */
  readonly connections: { readonly total: number; readonly open: number };
  /** Forgets events and continue tokens: everything older is answered 410. */
  expire(): void;
  /** Pages are answered 410 while this many continue tokens have been refused. */
  expireTokens(times: number): void;
  /** For servers with TLS. */
  setCertificate(certificate: { readonly key: string; readonly cert: string }): void;
  /** Ends every connection, as a restart of the server does. */
  dropConnections(): void;
  close(): Promise<void>;
}

export interface FakeApiServerOptions {
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
  readonly behaviour?: Partial<FakeBehaviour>;
}

/** An API server in this process, on a free port of 127.0.0.1: any group, version and resource. */
export async function startFakeApiServer(options: FakeApiServerOptions = {}): Promise<FakeApiServer> {
  const objects = createFakeObjects();
  const behaviour: FakeBehaviour = {
    watchList: 'supported',
    bookmarkEveryMs: null,
    notServed: new Set(),
    forbidden: new Set(),
    tokens: null,
    ...options.behaviour,
  };
  const requests: SeenRequest[] = [];
  const open = new Map<FakeWatch, (event: FakeEvent) => void>();
  const faults: { pattern: RequestPattern; fault: Fault; left: number }[] = [];
  const pages = new Map<string, { rest: readonly FakeRecord[]; revision: number }>();
  const sockets = new Set<Socket>();
  const connections = { total: 0, open: 0 };
  let mostWatches = 0;
  let tokensToRefuse = 0;
  let nextToken = 1;

  const host: WatchHost = {
    objects,
    behaviour,
    refuse,
    opened(watch, deliver) {
      open.set(watch, deliver);
      const same = [...open.keys()].filter(
        (one) => collectionId(one.request) === collectionId(watch.request),
      );
      mostWatches = Math.max(mostWatches, same.length);
    },
    closed: (watch) => open.delete(watch),
  };
  objects.onEvent((event) => {
    for (const deliver of open.values()) {
      deliver(event);
    }
  });

  function handle(message: IncomingMessage, response: ServerResponse): void {
    const request = readRequest(message);
    requests.push(request);
    const fault = faults.find(({ pattern, left }) => left > 0 && fits(request, pattern));
    if (fault !== undefined) {
      fault.left -= 1;
      fault.fault(response, request);
      return;
    }
    const form = representationOf(request);
    const token = /^Bearer (.+)$/u.exec(String(request.headers['authorization'] ?? ''))?.[1] ?? '';
    if (behaviour.tokens !== null && !behaviour.tokens.has(token)) {
      refuse(response, 401, 'Unauthorized', 'Unauthorized');
    } else if (request.path === '/version') {
      sendJson(response, 200, '{"major":"1","minor":"34","gitVersion":"v1.34.0"}');
    } else if (request.collection === '' || behaviour.notServed.has(request.collection)) {
      refuse(response, 404, 'NotFound', 'the server could not find the requested resource');
    } else if (behaviour.forbidden.has(request.plural)) {
      refuse(
        response,
        403,
        'Forbidden',
        `${request.plural} is forbidden: User "test" cannot ${request.verb} resource`,
      );
    } else if (form === null) {
      refuse(response, 406, 'NotAcceptable', 'only the following media types are accepted: application/json');
    } else if (request.verb === 'watch') {
      answerWatch(host, request, response, form);
    } else if (request.verb === 'list') {
      answerList(request, response, form);
    } else if (request.verb === 'get') {
      answerGet(request, response, form);
    } else {
      void answerWrite(request, message, response);
    }
  }

  function answerList(request: SeenRequest, response: ServerResponse, form: 'whole' | 'metadata'): void {
    const token = request.query['continue'] ?? '';
    let page = pages.get(token);
    if (token === '') {
      page = {
        rest: objects.list(request.collection).filter((record) => selects(request, record)),
        revision: objects.revision,
      };
    } else if (page === undefined || tokensToRefuse > 0) {
      tokensToRefuse = Math.max(0, tokensToRefuse - 1);
      refuse(response, 410, 'Expired', 'The provided continue parameter is too old');
      return;
    }
    const { rest, revision } = page ?? { rest: [], revision: objects.revision };
    const limit = Number(request.query['limit'] ?? '0') || rest.length;
    const shown = rest.slice(0, limit);
    const left = rest.slice(limit);
    let next = '';
    if (left.length > 0) {
      next = `token-${nextToken}`;
      nextToken += 1;
      pages.set(next, { rest: left, revision });
    }
    const metadata = { resourceVersion: String(revision), ...(next !== '' && { continue: next }) };
    const items = shown.map((record) => represent(record, form)).join(',');
    sendJson(
      response,
      200,
      `{"kind":"FakeList","apiVersion":"v1","metadata":${JSON.stringify(metadata)},"items":[${items}]}`,
    );
  }

  function answerGet(request: SeenRequest, response: ServerResponse, form: 'whole' | 'metadata'): void {
    const object = objects.get(request.collection, `${request.namespace}/${request.name}`);
    if (object === null) {
      refuse(response, 404, 'NotFound', `${request.plural} "${request.name}" not found`);
    } else {
      sendJson(response, 200, represent({ object, json: JSON.stringify(object) }, form));
    }
  }

  async function answerWrite(
    request: SeenRequest,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of message as AsyncIterable<Buffer>) {
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    const {
      code,
      object,
      reason,
      message: why,
    } = writeObject(objects, request, text === '' ? {} : JSON.parse(text));
    if (object === null) {
      refuse(response, code, reason, why);
    } else {
      sendJson(response, code, JSON.stringify(object));
    }
  }

  const server =
    options.tls === undefined
      ? createHttpServer(handle)
      : createHttpsServer({ ...options.tls, requestCert: options.tls.ca !== undefined }, handle);
  server.keepAliveTimeout = 60_000;
  server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    connections.total += 1;
    connections.open += 1;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      connections.open -= 1;
      sockets.delete(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  function dropConnections(): void {
    for (const socket of sockets) {
      socket.destroy();
    }
  }

  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    objects,
    behaviour,
    requests,
    connections,
    get watches() {
      return [...open.keys()];
    },
    get mostWatches() {
      return mostWatches;
    },
    put(...list) {
      for (const object of list) {
        objects.put(object);
      }
    },
    remove(collection, key) {
      objects.remove(collection, key);
    },
    failNext(pattern, fault, times = 1) {
      faults.push({ pattern, fault, left: times });
    },
    failAll(pattern, fault) {
      const entry = { pattern, fault, left: Number.POSITIVE_INFINITY };
      faults.push(entry);
      return () => {
        entry.left = 0;
      };
    },
    count: (pattern) => requests.filter((request) => fits(request, pattern)).length,
    watchesOf: (plural) => [...open.keys()].filter(({ request }) => request.plural === plural),
    expire() {
      objects.compact();
      pages.clear();
    },
    expireTokens(times) {
      tokensToRefuse = times;
    },
    setCertificate(certificate) {
      (server as HttpsServer).setSecureContext(certificate);
    },
    dropConnections,
    async close() {
      dropConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function fits(request: SeenRequest, pattern: RequestPattern): boolean {
  return Object.entries(pattern).every(([field, value]) => request[field as keyof RequestPattern] === value);
}

function collectionId({ path, query }: SeenRequest): string {
  return `${path}?${query['fieldSelector'] ?? ''}&${query['labelSelector'] ?? ''}`;
}

function sendJson(response: ServerResponse, code: number, json: string): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(json);
}

function refuse(response: ServerResponse, code: number, reason: string, message: string): void {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, message, code };
  sendJson(response, code, JSON.stringify(body));
}
