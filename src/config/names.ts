import { text, type ValueKind } from './value-kind.ts';

const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
const subdomain = `${label}(?:\\.${label})*`;
const anchoredSubdomain = new RegExp(`^${subdomain}$`, 'u');

/** RFC 1123 label, the form of namespaces. */
export function namespaceName(): ValueKind<string> {
  return text(
    'namespace',
    'the name of one namespace (lower-case letters, digits and "-", at most 63 characters)',
    new RegExp(`^${label}$`, 'u'),
    { max: 63, empty: true },
  );
}

/** RFC 1123 subdomain, the form of most object names. */
export function objectName(what: string): ValueKind<string> {
  return text(
    'name',
    `${what} (lower-case letters, digits, "-" and ".", at most 253 characters)`,
    anchoredSubdomain,
    { max: 253, empty: false },
  );
}

export function namespacedName(what: string): ValueKind<string> {
  return text(
    'namespace/name',
    `the namespace and name of ${what} as namespace/name`,
    new RegExp(`^${label}/${subdomain}$`, 'u'),
    { max: 317, empty: true },
  );
}

/** The part of an annotation's name before the slash. */
export function annotationPrefix(): ValueKind<string> {
  return text(
    'DNS name',
    'a DNS name such as nginx.ingress.kubernetes.io, without "/" (lower-case letters, digits, "-" and ".")',
    anchoredSubdomain,
    { max: 253, empty: false },
  );
}

/** `spec.controller` of an IngressClass: a DNS name, a slash and a path, 250 characters at most. */
export function controllerName(): ValueKind<string> {
  return text(
    'DNS name/path',
    'a DNS name, "/" and a path, as in example.com/gateway (at most 250 characters)',
    // The first part may be a single label: the default `cloud-native-gateway/nginx` is one.
    new RegExp(`^${subdomain}/[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+$`, 'u'),
    { max: 250, empty: false },
  );
}
