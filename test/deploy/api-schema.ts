import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { KubeObject } from './kube-object.ts';

/** A field of the Kubernetes API, as the models of `@kubernetes/client-node` (made from its OpenAPI) tell it. */
interface Field {
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

interface ModelClass {
  readonly attributeTypeMap: readonly Field[];
}

interface Model {
  readonly fields: ReadonlyMap<string, Field>;
  readonly required: readonly string[];
}

const folder = join(import.meta.dirname, '../../node_modules/@kubernetes/client-node/dist/gen/models');
const models = new Map<string, Promise<Model>>();

/**
 * What the API server's own schemas would refuse in an object: fields that do not exist (`kubectl apply` refuses them
 * as well), values of another type, fields that are missing. One line each, with the path of the field. What is
 * written in prose alone (patterns, enumerations) is not checked.
 */
export async function schemaProblems(object: KubeObject): Promise<string[]> {
  const version = object.apiVersion.split('/').at(-1) ?? '';
  const model = `${version.charAt(0).toUpperCase()}${version.slice(1)}${object.kind}`;
  if (!hasModel(model)) {
    return [`${object.apiVersion} ${object.kind}: there is no such kind`];
  }
  return modelProblems(object, model, object.kind);
}

function hasModel(name: string): boolean {
  return existsSync(join(folder, `${name}.d.ts`));
}

function modelOf(name: string): Promise<Model> {
  const known = models.get(name) ?? readModel(name);
  models.set(name, known);
  return known;
}

async function readModel(name: string): Promise<Model> {
  const module = (await import(pathToFileURL(join(folder, `${name}.js`)).href)) as Record<string, ModelClass>;
  const fields = module[name]?.attributeTypeMap ?? [];
  const declaration = readFileSync(join(folder, `${name}.d.ts`), 'utf8');
  return {
    fields: new Map(fields.map((field) => [field.baseName, field])),
    // Only the declaration tells what is required.
    required: [...declaration.matchAll(/^ {4}'(\w+)': /gmu)].map(([, field]) => field ?? ''),
  };
}

async function modelProblems(value: unknown, name: string, path: string): Promise<string[]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [`${path}: ${JSON.stringify(value)} is no ${name}`];
  }
  const { fields, required } = await modelOf(name);
  const problems = required
    .filter((field) => !Object.hasOwn(value, field))
    .map((field) => `${path}.${field}: is missing`);
  for (const [key, inner] of Object.entries(value)) {
    const field = fields.get(key);
    problems.push(
      ...(field === undefined
        ? [`${path}.${key}: there is no such field in ${name}`]
        : await typeProblems(inner, field.type, field.format, `${path}.${key}`)),
    );
  }
  return problems;
}

async function typeProblems(value: unknown, type: string, format: string, path: string): Promise<string[]> {
  const item = /^Array<(.+)>$/u.exec(type)?.[1];
  if (item !== undefined) {
    if (!Array.isArray(value)) {
      return [`${path}: ${JSON.stringify(value)} is no list`];
    }
    const found = await Promise.all(
      value.map((entry, index) => typeProblems(entry, item, format, `${path}[${index}]`)),
    );
    return found.flat();
  }
  const mapped = /^\{ \[key: string\]: (.+); \}$/u.exec(type)?.[1];
  if (mapped !== undefined) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return [`${path}: ${JSON.stringify(value)} is no map`];
    }
    // A quantity is text in the models; the API takes numbers too.
    const found = await Promise.all(
      Object.entries(value).map(async ([key, entry]) =>
        /\.(?:limits|requests)$/u.test(path) && typeof entry === 'number'
          ? []
          : typeProblems(entry, mapped, format, `${path}.${key}`),
      ),
    );
    return found.flat();
  }
  if (type === 'any' || type === 'object') {
    return [];
  }
  if (hasModel(type)) {
    return modelProblems(value, type, path);
  }
  return isPlain(value, type, format) ? [] : [`${path}: ${JSON.stringify(value)} is no ${type}`];
}

function isPlain(value: unknown, type: string, format: string): boolean {
  switch (type) {
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'number':
      return typeof value === 'number' && (!format.startsWith('int') || Number.isInteger(value));
    case 'IntOrString':
      return typeof value === 'string' || Number.isInteger(value);
    case 'Date':
      return typeof value === 'string' && !Number.isNaN(Date.parse(value));
    default:
      throw new Error(`the models of client-node have a type that is not understood: ${type}`);
  }
}
