import type { Directive } from './grammar.ts';
import { joinFacts } from './lint-facts.ts';
import type { LintOptions } from './lint-options.ts';
import { argsOf, variablesOf, type Violation } from './lint-patterns.ts';
import { inspect } from './lint-walk.ts';

/**
 * The blocks that directives from outside may stand in; `if` is an `if` inside a location or server, `auth` the
 * location in which an authentication service is asked.
 */
export type SnippetContext = 'main' | 'http' | 'stream' | 'server' | 'location' | 'auth' | 'if';

/**
 * How far directives are trusted: those of a template only have to pass the rules, those of a snippet must also be
 * on the list of harmless ones.
 */
export type TrustLevel = 'template' | 'snippet';

export interface SnippetOptions extends LintOptions {
  /** Variables, without `$`, that the templates set themselves and a snippet may not set again. */
  readonly reservedVariables?: readonly string[];
  /** Names that a snippet may have beside the harmless ones. All other rules hold for them too. */
  readonly alsoAllowed?: readonly string[];
  /** The same for the blocks `location` that the snippet brings: no route is in them. */
  readonly alsoInLocations?: readonly string[];
}

/** Harmless in `http`, `server` and `location`. None of them opens a protection that stands further out. */
const everywhere = `
  absolute_redirect add_header add_trailer chunked_transfer_encoding client_body_buffer_size client_body_timeout
  client_max_body_size default_type etag expires grpc_buffer_size grpc_connect_timeout grpc_hide_header
  grpc_next_upstream grpc_next_upstream_timeout grpc_next_upstream_tries grpc_read_timeout grpc_send_timeout
  grpc_socket_keepalive gunzip gzip gzip_buffers gzip_comp_level gzip_disable gzip_http_version gzip_min_length
  gzip_proxied gzip_types gzip_vary if_modified_since keepalive_requests keepalive_timeout limit_rate
  limit_rate_after lingering_close lingering_time lingering_timeout log_not_found max_ranges msie_padding
  port_in_redirect proxy_buffer_size proxy_buffering proxy_buffers proxy_busy_buffers_size proxy_connect_timeout
  proxy_cookie_domain proxy_cookie_flags proxy_cookie_path proxy_force_ranges proxy_hide_header proxy_http_version
  proxy_ignore_client_abort proxy_ignore_headers proxy_limit_rate proxy_max_temp_file_size proxy_next_upstream
  proxy_next_upstream_timeout proxy_next_upstream_tries proxy_pass_header proxy_read_timeout proxy_redirect
  proxy_request_buffering proxy_send_timeout proxy_socket_keepalive proxy_temp_file_write_size
  reset_timedout_connection send_timeout server_name_in_redirect server_tokens sub_filter
  sub_filter_last_modified sub_filter_once sub_filter_types tcp_nodelay tcp_nopush`;

const httpAndServer = `client_header_buffer_size client_header_timeout large_client_header_buffers`;

const httpOnly = `geo limit_conn_zone limit_req_zone log_format map split_clients`;

/** Those that add a limit; a location with limits of its own no longer has those around it. */
const serverAndLocation = `access_log break if limit_conn limit_conn_dry_run limit_conn_log_level limit_conn_status
  limit_req limit_req_dry_run limit_req_log_level limit_req_status return rewrite set valid_referers`;

const insideIf = `access_log add_header break expires gzip limit_rate limit_rate_after return rewrite set`;

/** What an authentication service is asked with; nothing that would answer in its place. */
const asking = `proxy_buffer_size proxy_buffering proxy_buffers proxy_busy_buffers_size proxy_connect_timeout
  proxy_http_version proxy_ignore_headers proxy_pass_request_headers proxy_read_timeout proxy_send_timeout
  proxy_socket_keepalive proxy_ssl_ciphers proxy_ssl_name proxy_ssl_protocols proxy_ssl_server_name
  proxy_ssl_session_reuse set`;

/** Servers, and what they are made of, on ports of their own. */
const streamOnly = `geo limit_conn_zone log_format map server split_clients upstream`;

const streamServer = `access_log allow deny limit_conn listen preread_buffer_size preread_timeout proxy_buffer_size
  proxy_connect_timeout proxy_download_rate proxy_next_upstream proxy_next_upstream_timeout
  proxy_next_upstream_tries proxy_pass proxy_protocol proxy_protocol_timeout proxy_requests proxy_responses
  proxy_socket_keepalive proxy_timeout proxy_upload_rate return set ssl_preread tcp_nodelay`;

const upstream = `hash keepalive least_conn random server zone`;

const allowedIn: Readonly<Record<string, ReadonlySet<string>>> = {
  http: setOf(everywhere, httpAndServer, httpOnly),
  server: setOf(everywhere, httpAndServer, serverAndLocation, 'location'),
  location: setOf(everywhere, serverAndLocation, 'limit_except'),
  auth: setOf(asking),
  if: setOf(insideIf),
  limit_except: setOf('allow deny'),
  stream: setOf(streamOnly),
  'stream server': setOf(streamServer),
  upstream: setOf(upstream),
};

/** Blocks whose content is a table of values. */
const tables = new Set(['map', 'geo', 'split_clients']);

function setOf(...lists: readonly string[]): ReadonlySet<string> {
  return new Set(lists.flatMap((list) => list.trim().split(/\s+/)));
}

/**
 * Lints directives that come from outside of the built-in templates and are to stand in one block. Lines are those
 * of the directives. Where they came from must have parsed without an error, so that their braces balance.
 */
export function lintDirectives(
  directives: readonly Directive[],
  context: SnippetContext,
  level: TrustLevel,
  options: SnippetOptions = {},
): Violation[] {
  const { violations, facts } = inspect(directives, { parent: parentOf(context) }, options);
  const joined = joinFacts([{ facts, lineOffset: 0 }]);
  const outside = level === 'snippet' ? outsideOfList(directives, context, options) : [];
  return [...violations, ...joined, ...outside].toSorted((a, b) => a.line - b.line);
}

function parentOf(context: SnippetContext): string {
  return context === 'auth' ? 'location' : context;
}

function outsideOfList(
  directives: readonly Directive[],
  parent: string,
  options: SnippetOptions,
): Violation[] {
  const allowed = allowedIn[parent];
  return directives.flatMap((directive) => {
    const name = directive.name.text;
    const { line } = directive;
    const more = [...(options.allowedDirectives ?? []), ...(options.alsoAllowed ?? [])];
    if (!allowed?.has(name) && !more.includes(name)) {
      const message = `"${name}" is not among the directives that a snippet may have in "${parent}"; ask the operator to allow it`;
      return [{ line, rule: 'snippet-directive', directive: name, message }];
    }
    const taken = variablesSetBy(directive).find(
      (variable) => isGatewayVariable(variable) || options.reservedVariables?.includes(variable) === true,
    );
    if (taken !== undefined) {
      const message = `"${name}" sets $${taken}, which belongs to the gateway; use another name`;
      return [{ line, rule: 'snippet-variable', directive: name, message }];
    }
    if (name === 'location' && argsOf(directive).some((word) => word.includes('/_cng'))) {
      const message = '"location" names a path below /_cng/, which belongs to the gateway; use another path';
      return [{ line, rule: 'snippet-location', directive: name, message }];
    }
    const inside = parent === 'stream' && name === 'server' ? 'stream server' : name;
    return directive.block && !tables.has(name)
      ? outsideOfList(directive.block, inside, name === 'location' ? ofLocation(options) : options)
      : [];
  });
}

function ofLocation({ alsoAllowed = [], alsoInLocations = [], ...options }: SnippetOptions): SnippetOptions {
  return { ...options, alsoAllowed: [...alsoAllowed, ...alsoInLocations] };
}

/** Directives whose first word is a variable that they set, and those whose second is. */
const setters: Readonly<Record<string, number>> = { set: 0, auth_request_set: 0, map: 1, split_clients: 1 };

/** A group with a name, which nginx sets when the regex matches. */
const namedGroup = /\(\?(?:P?<|')([A-Za-z_]\w*)/gu;

function variablesSetBy(directive: Directive): string[] {
  const args = argsOf(directive);
  // The source of a geo may be left out.
  const place = directive.name.text === 'geo' ? args.length - 1 : setters[directive.name.text];
  const own = place === undefined ? [] : variablesOf(args[place] ?? '').slice(0, 1);
  const groups = [directive.name.text, ...args].flatMap((word) =>
    [...word.matchAll(namedGroup)].map((match) => match[1] ?? ''),
  );
  return [...own, ...groups];
}

/** Variables that templates set or that decide who gets in; whoever sets one takes a decision that is not theirs. */
const gatewayVariables =
  /^(?:(?:connection_)?upgrade|connection_once|loggable|host_header|best_http_host|own_(?:host|port)|req_id|pass_(?:port|access_scheme)|strict_transport_security|is_proxy_in_front|handed_on_\w+|full_forwarded_for|rewritten|redirect_to_https|literal_dollar|blocked(?:_address|_agent|_referer)?|(?:external|external_auth|error_page)_host|request_line_host|forwarded_(?:port|host|chain)|uri_(?:without_slash|before_slash|for_www\w*)|escaped_request_uri|(?:escape|auth_header|session_cookie|unlimited|limit_key|needs_certificate|cors_\w+|canary|split|mirror|sticky|cng)_\w*)$/u;

function isGatewayVariable(name: string): boolean {
  return gatewayVariables.test(name);
}
