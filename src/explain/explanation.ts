import type { Verdict } from '../model/verdict.ts';

/**
 * What nginx does with one request and why, as plain JSON: `/debug/explain`, `cng explain --json`, and what pages and
 * texts are made from. Everything in it comes from the model that was rendered; values of secrets are not in the model.
 */
export interface Explanation {
  readonly request: ExplainedRequest;
  /** Null where nginx listens on no such scheme. */
  readonly listener: ExplainedListener | null;
  /** Null where none is reached: the request is refused before, or TLS goes to a backend as it is. */
  readonly server: ExplainedServer | null;
  /** Null where the server answers before a location is looked for. */
  readonly location: ExplainedLocation | null;
  /** What happens, in nginx's order; those after the answer are not there. */
  readonly steps: readonly Step[];
  readonly outcome: Outcome;
  /** Of the object that the location is of, or else of the server's; null where that is the gateway itself. */
  readonly verdict: Verdict | null;
  /** What cannot be told from the model, for example what a snippet does; empty where all is told. */
  readonly remarks: readonly string[];
}

/** The request as nginx understands it. */
export interface ExplainedRequest {
  /** As it was asked. */
  readonly url: string;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** The name that servers are compared with: in lower case, without port and final dot. Empty: none was sent. */
  readonly host: string;
  /** What the client writes into the header `Host`. */
  readonly hostHeader: string;
  /** What it asks for in the TLS handshake; null over plain HTTP and where the URL names an address. */
  readonly sni: string | null;
  /** Of the URL; null for that of the scheme. */
  readonly port: number | null;
  /** What locations are compared with: decoded, slashes merged, dot segments resolved, without arguments. */
  readonly uri: string;
  /** Without the `?`; empty for none. */
  readonly args: string;
  /** As it stands in the request line (`$request_uri`). */
  readonly requestUri: string;
  /** Those that were given. Values of credentials (`Authorization`, `Cookie`…) are replaced. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** The address that the connection comes from, where one was given. */
  readonly client: string | null;
  /** What nginx changes in host and path before it compares them, in words. */
  readonly notes: readonly string[];
}

export interface ExplainedListener {
  readonly id: string;
  readonly protocol: 'http' | 'https';
  readonly port: number;
  /** Addresses with port; empty for all addresses. */
  readonly addresses: readonly string[];
  readonly http2: boolean;
  readonly proxyProtocol: boolean;
}

/** How a server's name fits a host. */
export type NameMatch = 'exact' | 'wildcard' | 'regex' | 'default';

export interface ExplainedServer {
  /** As they stand in `server_name`, a wildcard as `*.example.com`; empty for the default server. */
  readonly names: readonly string[];
  readonly match: NameMatch;
  /** The name that fits; null for the default server. */
  readonly matched: string | null;
  /** In words. */
  readonly why: string;
  readonly origin: ExplainedOrigin | null;
  /** Of the directive `server` in nginx.conf, counted from 1; null where it is not known. */
  readonly line: number | null;
  readonly tls: ExplainedTls | null;
  /** Servers whose names fit too or nearly, each with the reason; at most 20, and how many more there are. */
  readonly losers: readonly ServerLoser[];
  readonly moreLosers: number;
}

export interface ServerLoser {
  readonly names: readonly string[];
  readonly origin: ExplainedOrigin | null;
  readonly why: string;
}

/** What is shown in the TLS handshake. */
export interface ExplainedTls {
  /** Names of the server that the handshake reaches, which need not be the one of the request. */
  readonly names: readonly string[];
  /** The Secret; null for the gateway's own certificate. */
  readonly certificate: ExplainedOrigin | null;
  /** In words: whose certificate it is, or that the handshake is refused. */
  readonly why: string;
  readonly refused: boolean;
}

/** The object that something comes from. */
export interface ExplainedOrigin {
  /** `Kind/namespace/name`. */
  readonly object: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** For example `spec.rules[0].http.paths[2]`; null where it is the object as a whole. */
  readonly field: string | null;
  /** Indexes in `spec.rules` and its `http.paths`, from 0. */
  readonly rule: number | null;
  readonly path: number | null;
}

export type LocationModifier = '=' | '^~' | '~*' | '';

export interface ExplainedLocation {
  readonly modifier: LocationModifier;
  /** As in nginx.conf: a path or a regex. */
  readonly path: string;
  readonly why: string;
  readonly origin: ExplainedOrigin | null;
  /** Of the directive `location` in nginx.conf, counted from 1; null where it is not known. */
  readonly line: number | null;
  /** The others of the server in the order in which nginx looks at them; at most 50, and how many more there are. */
  readonly losers: readonly LocationLoser[];
  readonly moreLosers: number;
}

export interface LocationLoser {
  readonly modifier: LocationModifier;
  readonly path: string;
  readonly origin: ExplainedOrigin | null;
  /** The path fits, but another location comes first. */
  readonly fits: boolean;
  readonly why: string;
}

/** What a step is about. */
export type StepKind =
  | 'client-certificate'
  | 'blocked'
  | 'server-return'
  | 'slash-redirect'
  | 'https-redirect'
  | 'redirect'
  | 'cors-preflight'
  | 'rewrite'
  | 'access-list'
  | 'rate-limit'
  | 'basic-auth'
  | 'external-auth'
  | 'satisfy'
  | 'mirror'
  | 'split'
  | 'answer'
  | 'upstream'
  | 'request-headers'
  | 'response-headers'
  | 'cors'
  | 'timeouts'
  | 'limits'
  | 'custom-errors'
  | 'session'
  | 'snippet'
  | 'plugin';

/**
 * `applies`: it happens. `passes`: it is looked at and lets this request go on. `ends`: it gives the answer.
 * `depends`: on what is not in the request, for example a password file or the rate of others.
 */
export type StepState = 'applies' | 'passes' | 'ends' | 'depends';

export interface Step {
  readonly kind: StepKind;
  readonly state: StepState;
  /** One line for people. */
  readonly text: string;
  /** The same for programs; what it holds depends on `kind`. */
  readonly details: Readonly<Record<string, unknown>>;
  /** The object that asks for it; null for the options and the gateway itself. */
  readonly object: string | null;
}

/** What becomes of the request. */
export type Outcome = AnsweredOutcome | ProxiedOutcome | PassedOutcome | UnknownOutcome;

/** nginx answers itself. */
export interface AnsweredOutcome {
  readonly kind: 'answered';
  readonly status: number;
  /** The header `Location`; null where there is none. */
  readonly location: string | null;
  readonly text: string;
  /** What has to be true besides, for example that an authentication service says yes. */
  readonly provided: readonly string[];
}

/** A backend answers. */
export interface ProxiedOutcome {
  readonly kind: 'proxied';
  /** One, or several where chance chooses or nobody can tell. */
  readonly targets: readonly ExplainedTarget[];
  /** The path and arguments that the backend gets; null where it cannot be told. */
  readonly uri: string | null;
  readonly text: string;
  readonly provided: readonly string[];
}

/** TLS goes to a backend as it is: nobody here sees the request. */
export interface PassedOutcome {
  readonly kind: 'passed';
  readonly targets: readonly ExplainedTarget[];
  readonly text: string;
  readonly provided: readonly string[];
}

/** What was found so far stands; what comes next cannot be told, or the connection ends without an answer. */
export interface UnknownOutcome {
  readonly kind: 'unknown';
  readonly text: string;
  readonly provided: readonly string[];
}

export interface ExplainedTarget {
  /** The name in nginx.conf; null where a name is looked up for each request. */
  readonly upstream: string | null;
  /** `Service/namespace/name`; null where there is none. */
  readonly service: string | null;
  /** `ip:port`, or `name:port` of an ExternalName Service. */
  readonly peers: readonly string[];
  readonly protocol: string;
  /** How one of the peers is chosen. */
  readonly balancing: string;
  /** Of 100; null where no chance is in it. */
  readonly share: number | null;
}
