import { z } from 'zod';
import { allKeys, sections } from './sections.ts';

/** A JSON Schema, as plain data. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/**
 * The config file as a JSON Schema (draft 7, which is what Helm reads), for the values of the chart and for editors.
 * A key that is not implemented yet allows its default only, as the loader does.
 */
export function configJsonSchema(): JsonSchema {
  const properties = Object.entries(sections).map(([name, section]): [string, JsonSchema] => [
    name,
    {
      type: 'object',
      description: section.description,
      additionalProperties: false,
      properties: keysOf(name),
    },
  ]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Config file of cloud-native-gateway',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  };
}

function keysOf(section: string): JsonSchema {
  const keys = allKeys.filter((key) => key.section === section);
  return Object.fromEntries(
    keys.map(({ definition }): [string, JsonSchema] => {
      const { kind, fallback, effect, notYet, name } = definition;
      const description = notYet ? `${effect} Not implemented yet.` : `${effect} Allowed: ${kind.allowed}.`;
      const value = notYet ? { const: fallback } : valueSchema(kind.schema);
      return [name, { ...value, description, default: fallback }];
    }),
  );
}

function valueSchema(schema: z.ZodType): JsonSchema {
  // `readOnly` is about values that only a server may set; ours comes from lists being frozen once they are read.
  const { $schema: _, readOnly: __, ...value } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  return value;
}
