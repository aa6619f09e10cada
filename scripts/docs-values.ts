// How the generated documentation shows values.
import { isToken } from '../src/model/token.ts';

/** A default as it would be written; empty where there is no value for it. */
export function plainText(value: unknown): string {
  if (isToken(value)) {
    return value.text;
  }
  if (Array.isArray(value)) {
    return value.map(plainText).join(' ');
  }
  if (typeof value === 'object' && value !== null) {
    return Object.values(value).map(plainText).join(' ');
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}
