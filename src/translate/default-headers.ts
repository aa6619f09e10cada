import { headerName } from '../model/header.ts';
import type { RequestHeader, ResponseHeader } from '../model/model.ts';
import type { Token } from '../model/token.ts';
import { expression } from '../model/words.ts';

const keptFromClients = [
  'Forwarded',
  'Proxy',
  'ssl-client-verify',
  'ssl-client-subject-dn',
  'ssl-client-issuer-dn',
  'ssl-client-cert',
];

function header(name: string, value: Token<'expression'>): RequestHeader {
  return { name: headerName(name), value };
}

/**
 * What every backend is sent, after ingress-nginx (behaviours, section 10). What a client sends under these names
 * never reaches a backend: the lines that are empty are there for that alone.
 */
export const defaultRequestHeaders: readonly RequestHeader[] = [
  header('Host', expression`$best_http_host`),
  header('Upgrade', expression`$upgrade`),
  header('Connection', expression`$connection_upgrade`),
  header('X-Request-ID', expression`$req_id`),
  header('X-Real-IP', expression`$remote_addr`),
  header('X-Forwarded-For', expression`$remote_addr`),
  header('X-Forwarded-Host', expression`$best_http_host`),
  header('X-Forwarded-Port', expression`$pass_port`),
  header('X-Forwarded-Proto', expression`$scheme`),
  header('X-Forwarded-Scheme', expression`$scheme`),
  header('X-Scheme', expression`$scheme`),
  header('X-Original-Forwarded-For', expression`$http_x_forwarded_for`),
  header('X-Original-Forwarded-Host', expression`$http_x_forwarded_host`),
  ...keptFromClients.map((name) => header(name, expression``)),
];

/** HSTS as ingress-nginx has it; the variable is empty over plain HTTP. */
export const defaultResponseHeaders: readonly ResponseHeader[] = [
  {
    name: headerName('Strict-Transport-Security'),
    value: expression`$strict_transport_security`,
    always: true,
    replace: true,
  },
];
