/** A location without a regex: its whole path, or what paths begin with. Paths are bytes. */
export interface StaticLocation<T> {
  readonly path: string;
  readonly exact: boolean;
  /** A request for the path without its last slash is redirected to it: nginx does so for what it proxies. */
  readonly redirects: boolean;
  readonly value: T;
}

/** `redirect`: the path of the location is the request's with a slash more. */
export type StaticMatch<T> =
  | { readonly kind: 'exact' | 'redirect' | 'prefix'; readonly location: StaticLocation<T> }
  | { readonly kind: 'none' };

/**
 * Finds the location as nginx does (ngx_http_core_find_static_location): a whole path first; then, where the path is a
 * prefix of none but lacks a slash, the redirect; then the longest prefix.
 */
export function findStatic<T>(locations: readonly StaticLocation<T>[], uri: string): StaticMatch<T> {
  const exact = locations.find((each) => each.exact && each.path === uri);
  if (exact !== undefined) {
    return { kind: 'exact', location: exact };
  }
  const [prefix] = locations
    .filter((each) => !each.exact && uri.startsWith(each.path))
    .sort((a, b) => b.path.length - a.path.length);
  const slashed = locations.filter((each) => each.path === `${uri}/`);
  const redirect = slashed.find((each) => each.exact) ?? slashed[0];
  if (redirect !== undefined && prefix?.path !== uri && slashed.some((each) => each.redirects)) {
    return { kind: 'redirect', location: redirect };
  }
  return prefix === undefined ? { kind: 'none' } : { kind: 'prefix', location: prefix };
}
