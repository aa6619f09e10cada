import { z } from 'zod';
import type { ValueKind } from './value-kind.ts';

/** One condition of a label selector; all of them must hold. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'not-in' | 'exists' | 'absent';
  /** Empty for `exists` and `absent`. */
  readonly values: readonly string[];
}

export interface LabelSelector {
  /** As written, which is the form that the Kubernetes API takes. */
  readonly text: string;
  readonly requirements: readonly LabelRequirement[];
}

const name = '[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
const domain = '[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?';
const key = `(?<key>(?:${domain}/)?${name})`;
const value = `(?:${name})?`;
const forms: readonly { readonly pattern: RegExp; readonly operator: LabelRequirement['operator'] }[] = [
  { pattern: new RegExp(`^${key}$`, 'u'), operator: 'exists' },
  { pattern: new RegExp(`^!\\s*${key}$`, 'u'), operator: 'absent' },
  { pattern: new RegExp(`^${key}\\s*==?\\s*(?<values>${value})$`, 'u'), operator: 'in' },
  { pattern: new RegExp(`^${key}\\s*!=\\s*(?<values>${value})$`, 'u'), operator: 'not-in' },
  { pattern: new RegExp(`^${key}\\s+in\\s*\\((?<values>[^()]*)\\)$`, 'u'), operator: 'in' },
  { pattern: new RegExp(`^${key}\\s+notin\\s*\\((?<values>[^()]*)\\)$`, 'u'), operator: 'not-in' },
];
const anchoredValue = new RegExp(`^${value}$`, 'u');

/**
 * Reads a selector as `kubectl -l` takes it: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. Empty text selects everything.
 * Null where the text is no selector.
 */
export function parseLabelSelector(text: string): LabelSelector | null {
  const requirements: LabelRequirement[] = [];
  // Commas inside parentheses separate values, not requirements.
  const parts = text.trim() === '' ? [] : text.split(/,(?![^()]*\))/u);
  for (const part of parts) {
    const requirement = parseRequirement(part.trim());
    if (requirement === null) {
      return null;
    }
    requirements.push(requirement);
  }
  return { text: text.trim(), requirements };
}

/** Whether labels satisfy a selector. As in Kubernetes, `!=` and `notin` also hold where the label is absent. */
export function selectorMatches(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return selector.requirements.every((requirement) => {
    const label = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
    switch (requirement.operator) {
      case 'exists':
        return label !== undefined;
      case 'absent':
        return label === undefined;
      case 'in':
        return label !== undefined && requirement.values.includes(label);
      default:
        return label === undefined || !requirement.values.includes(label);
    }
  });
}

export function labelSelector(): ValueKind<LabelSelector> {
  return {
    type: 'label selector',
    allowed: 'a label selector as in "team=web,stage in (live,test),!private"',
    shape: 'text',
    schema: z.string().transform((text, context) => {
      const selector = parseLabelSelector(text);
      if (selector === null) {
        context.addIssue({ code: 'custom', message: 'not a label selector' });
        return z.NEVER;
      }
      return selector;
    }),
  };
}

function parseRequirement(part: string): LabelRequirement | null {
  for (const { pattern, operator } of forms) {
    const groups = pattern.exec(part)?.groups;
    if (groups !== undefined) {
      const values = groups['values']?.split(',').map((text) => text.trim()) ?? [];
      const good = values.every((text) => anchoredValue.test(text));
      return good ? { key: groups['key'] ?? '', operator, values } : null;
    }
  }
  return null;
}
