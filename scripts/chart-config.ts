// What the schema of the config file is in the chart.
import { configJsonSchema, type JsonSchema } from '../src/config/json-schema.ts';

/**
 * Keys of the config file that the pod decides, by dotted name. They may be written into `config:` as they are in
 * deploy/kubernetes, but not otherwise: both containers must agree on the paths.
 */
export const podKeys: Readonly<Record<string, string>> = {
  'nginx.binary_path': '/etc/nginx/scripts/agent-nginx.sh',
  'nginx.reload_script': '/etc/nginx/scripts/agent-reload.sh',
  'nginx.config_path': '/etc/nginx/nginx.conf',
  'nginx.state_dir': '/run/gateway/state',
};

interface SectionSchemas {
  readonly properties: Readonly<
    Record<string, { readonly properties: Readonly<Record<string, JsonSchema>> }>
  >;
}

/** What the config file allows for a key, with its default and description left to the chart's own value. */
export function configKey(section: string, name: string): JsonSchema {
  const found = (configJsonSchema() as unknown as SectionSchemas).properties[section]?.properties[name];
  if (found === undefined) {
    throw new Error(`the config file has no key ${section}.${name}`);
  }
  const { description: _, default: __, ...schema } = found;
  return schema;
}

/** The schema of the config file, narrowed to what works in this pod. */
export function configSchema(): JsonSchema {
  const { $schema: _, title: __, ...schema } = configJsonSchema();
  const { properties } = schema as unknown as SectionSchemas;
  const ownAddress: JsonSchema = {
    type: 'string',
    pattern: '^(0\\.0\\.0\\.0|\\[::\\])?:[1-9][0-9]{0,4}$',
    description:
      'The probes, or Prometheus, come to the pod\'s own address: only the port can be chosen, as in ":8080".',
  };
  const narrowed: Readonly<Record<string, JsonSchema>> = {
    'server.addr': ownAddress,
    'metrics.addr': ownAddress,
    ...Object.fromEntries(
      Object.entries(podKeys).map(([dotted, path]) => [
        dotted,
        { const: path, description: 'Added by the chart: both containers must agree on it.' },
      ]),
    ),
  };
  const sections = Object.entries(properties).map(([section, { properties: keys, ...rest }]) => [
    section,
    {
      ...rest,
      properties: Object.fromEntries(
        Object.entries(keys).map(([name, key]) => [name, narrowed[`${section}.${name}`] ?? key]),
      ),
    },
  ]);
  return { ...schema, properties: Object.fromEntries(sections) as JsonSchema };
}
