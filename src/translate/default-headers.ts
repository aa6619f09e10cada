import { headerName } from '../model/header.ts';
import type { RequestHeader, ResponseHeader } from '../model/model.ts';
import type { Token } from '../model/token.ts';
import type { Options } from '../options/options.ts';
import { expression, identifier } from '../model/words.ts';

const keptFromClients = [
  'Forwarded',
  'Proxy',
  'ssl-client-verify',
  'ssl-client-subject-dn',
  'ssl-client-issuer-dn',
  'ssl-client-cert',
];

/** Of proxies in front these mean something to backends; of anybody else they would be taken for those of a proxy. */
const ofProxies = [
  'X-Forwarded-Prefix',
  'X-Forwarded-Server',
  'X-Forwarded-Ssl',
  'X-Original-URL',
  'X-Original-URI',
  'X-Rewrite-URL',
];

/** The variables that hold them, empty where they are not from a proxy that is trusted. */
export const handedOn = ofProxies.map((name) => {
  const lower = name.toLowerCase().replaceAll('-', '_');
  return { name, variable: identifier(`handed_on_${lower}`), received: identifier(`http_${lower}`) };
});

function header(name: string, value: Token<'expression'>): RequestHeader {
  return { name: headerName(name), value };
}

/**
 * What every backend is sent, after ingress-nginx (behaviours, section 10). What a client sends under these names
 * never reaches a backend: the lines that are empty are there for that alone.
 */
export function defaultRequestHeaders(options: Options): RequestHeader[] {
  const scheme = options['use-forwarded-headers'] ? expression`$pass_access_scheme` : expression`$scheme`;
  const chain = options['use-forwarded-headers'] && options['compute-full-forwarded-for'];
  return [
    header('Host', expression`$best_http_host`),
    header('Upgrade', expression`$upgrade`),
    header('Connection', expression`$connection_upgrade`),
    header(
      'X-Request-ID',
      options['generate-request-id'] ? expression`$req_id` : expression`$http_x_request_id`,
    ),
    header('X-Real-IP', expression`$remote_addr`),
    header('X-Forwarded-For', chain ? expression`$full_forwarded_for` : expression`$remote_addr`),
    header('X-Forwarded-Host', expression`$best_http_host`),
    header('X-Forwarded-Port', expression`$pass_port`),
    header('X-Forwarded-Proto', scheme),
    header('X-Forwarded-Scheme', scheme),
    header('X-Scheme', scheme),
    header('X-Original-Forwarded-For', received(options['forwarded-for-header'])),
    header('X-Original-Forwarded-Host', received(options['forwarded-host-header'])),
    ...handedOn
      .filter(({ name }) => name !== 'X-Original-URI' || !options['proxy-add-original-uri-header'])
      .map(({ name, variable }) =>
        header(name, options['use-forwarded-headers'] ? expression`$${variable}` : expression``),
      ),
    ...(options['proxy-add-original-uri-header'] ? [header('X-Original-URI', expression`$request_uri`)] : []),
    ...keptFromClients.map((name) => header(name, expression``)),
  ];
}

/** What a client or a proxy in front has sent under a name. */
function received({ text }: Token<'header-name'>): Token<'expression'> {
  return expression`$http_${identifier(text.toLowerCase().replaceAll(/[^a-z0-9]/gu, '_'))}`;
}

/** HSTS as ingress-nginx has it; the variable is empty over plain HTTP. */
export function defaultResponseHeaders(options: Options): ResponseHeader[] {
  const hsts: ResponseHeader = {
    name: headerName('Strict-Transport-Security'),
    value: expression`$strict_transport_security`,
    always: true,
    replace: true,
  };
  return options.hsts ? [hsts] : [];
}
