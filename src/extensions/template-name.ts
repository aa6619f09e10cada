/** The ending of templates, in folders and ConfigMaps. */
export const templateSuffix = '.hbs';

/**
 * The name of the template in a file or under a key. The keys of a ConfigMap cannot hold `/`, so that
 * `plugins.cors.location.hbs` stands for `plugins/cors/location.hbs`; names of plugins have no dot.
 */
export function templateNameOf(path: string): string {
  const name = path.slice(0, -templateSuffix.length);
  return name.includes('/') || !name.startsWith('plugins.') ? name : name.replaceAll('.', '/');
}
