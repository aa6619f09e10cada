import type { Directive } from './grammar.ts';
import { joinFacts } from './lint-facts.ts';
import type { LintOptions } from './lint-options.ts';
import { variablesOf, type Violation } from './lint-patterns.ts';
import { inspect } from './lint-walk.ts';

/** The blocks that directives from outside may stand in; `if` is an `if` inside a location or server. */
export type SnippetContext = 'http' | 'server' | 'location' | 'if';

/**
 * How far directives are trusted: those of a template only have to pass the rules, those of a snippet must also be
 * on the list of harmless ones.
 */
export type TrustLevel = 'template' | 'snippet';

export interface SnippetOptions extends LintOptions {
  /** Variables, without `$`, that the templates set themselves and a snippet may not set again. */
  readonly reservedVariables?: readonly string[];
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

const allowedIn: Readonly<Record<string, ReadonlySet<string>>> = {
  http: setOf(everywhere, httpAndServer, httpOnly),
  server: setOf(everywhere, httpAndServer, serverAndLocation, 'location'),
  location: setOf(everywhere, serverAndLocation, 'limit_except'),
  if: setOf(insideIf),
  limit_except: setOf('allow deny'),
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
  const { violations, facts } = inspect(directives, { parent: context }, options);
  const joined = joinFacts([{ facts, lineOffset: 0 }]);
  const outside = level === 'snippet' ? outsideOfList(directives, context, options) : [];
  return [...violations, ...joined, ...outside].toSorted((a, b) => a.line - b.line);
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
    if (!allowed?.has(name) && !options.allowedDirectives?.includes(name)) {
      const message = `"${name}" is not among the directives that a snippet may have in "${parent}"; ask the operator to allow it`;
      return [{ line, rule: 'snippet-directive', directive: name, message }];
    }
    const variable = variablesOf(directive.args[0]?.text ?? '')[0] ?? '';
    if (name === 'set' && options.reservedVariables?.includes(variable)) {
      const message = `"set" sets $${variable}, which belongs to the gateway; use another name`;
      return [{ line, rule: 'snippet-variable', directive: name, message }];
    }
    return directive.block && !tables.has(name) ? outsideOfList(directive.block, name, options) : [];
  });
}
