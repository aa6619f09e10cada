import { createHash } from 'node:crypto';
import { gatewayError } from '../errors.ts';
import type { TemplateSource } from './template-check.ts';

/** The version of what templates see and may call: raised when a custom template would have to change. */
export const templateContract = 1;

/** What the first line of a template says of itself: `{{! contract: 1, made for: 0123456789abcdef }}`. */
export interface Declared {
  /** Null where it says none. */
  readonly contract: number | null;
  /** The hash of the built-in template that it was made from; null where it says none. */
  readonly madeFor: string | null;
}

const declaration = /^\{\{~?!(?:--)?([^\n]*?)(?:--)?~?\}\}/u;

export function declaredBy(text: string): Declared {
  const comment = declaration.exec(text)?.[1] ?? '';
  const contract = /\bcontract:\s*(\d+)/u.exec(comment)?.[1];
  const madeFor = /\bmade for:\s*([0-9a-f]{8,64})/u.exec(comment)?.[1];
  return { contract: contract === undefined ? null : Number(contract), madeFor: madeFor ?? null };
}

/** Sixteen hex digits of the SHA-256 of a template's text. */
export function templateHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** @throws GatewayError CNG_TEMPLATE_BROKEN where a template is written for another contract */
export function checkContract({ from, text }: TemplateSource): void {
  const { contract } = declaredBy(text);
  if (contract !== null && contract !== templateContract) {
    const reason = `is written for contract ${contract}, and this gateway has contract ${templateContract}: see docs/templates.md for what is different`;
    throw gatewayError('CNG_TEMPLATE_BROKEN', { template: from, line: 1, reason });
  }
}

/**
 * Whether the built-in template has changed since an override was made from it; null where the override does not say
 * what it was made for, or replaces none.
 */
export function hasDrifted(override: TemplateSource, builtin: TemplateSource | undefined): boolean | null {
  const { madeFor } = declaredBy(override.text);
  return madeFor === null || builtin === undefined ? null : !templateHash(builtin.text).startsWith(madeFor);
}
