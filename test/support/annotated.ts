import { ingress, type IngressOptions } from './objects.ts';

/** An Ingress for all paths of `<name>.example.com`, with annotations of ingress-nginx. */
export function annotated(
  name: string,
  annotations: Readonly<Record<string, string>>,
  service = 'app',
  more: IngressOptions = {},
): object {
  return ingress(name, {
    host: `${name}.example.com`,
    paths: [{ service }],
    annotations: Object.fromEntries(
      Object.entries(annotations).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value]),
    ),
    ...more,
  });
}
