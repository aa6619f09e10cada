import { refused, shown } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { nearest } from '../model/nearest.ts';
import { closingOptions, notSupported } from './not-supported.ts';
import { defaultOptions, optionTable, type Options } from './options.ts';

/** The options of one build. */
export interface OptionReading {
  readonly options: Options;
  /** The texts that are in force, by key: the last good ones of a later reading, once nginx serves them. */
  readonly inForce: Readonly<Record<string, string>>;
  /** What has no effect, or not the effect that was asked for. */
  readonly reasons: readonly Reason[];
  /** Protections that cannot be built: every route answers 503 while there is one. */
  readonly closing: readonly Reason[];
}

/**
 * Reads the data of the options ConfigMap. A bad value leaves the last good one in force, or the default where there
 * is none; an option that keeps somebody out then lets nobody in. Unknown keys are told.
 *
 * `suspect`: nginx refused something of it, and nobody can say which value. All that is new is taken for bad then,
 * but for lists of addresses: those cannot be wrong for nginx, and somebody may be kept out by them.
 */
export function readOptions(
  data: Readonly<Record<string, string>>,
  lastGood: Readonly<Record<string, string>>,
  suspect = false,
): OptionReading {
  const options: Record<string, unknown> = { ...defaultOptions };
  const inForce: Record<string, string> = {};
  const reasons: Reason[] = [];
  const closing: Reason[] = [];
  for (const key of Object.keys(data).sort()) {
    const text = data[key] ?? '';
    const spec = optionTable.get(key);
    if (closingOptions.has(key) && asks(text)) {
      const message = `is not supported yet: every route answers 503 rather than go unprotected; remove ${key}`;
      closing.push({ field: optionField(key), message });
      continue;
    }
    if (spec === undefined) {
      reasons.push({ field: optionField(key), message: unknownKey(key) });
      continue;
    }
    if (text.trim() === '') {
      continue;
    }
    const parsed = suspect && lastGood[key] !== text && !addressLists.has(key) ? unproven : spec.parse(text);
    if (!refused(parsed)) {
      options[key] = parsed.value;
      inForce[key] = text;
      const remark = spec.remark?.(text) ?? null;
      if (remark !== null) {
        reasons.push({ field: optionField(key), message: remark });
      }
      continue;
    }
    const before = lastGood[key];
    const known = before === undefined ? parsed : spec.parse(before);
    if (before !== undefined && !refused(known)) {
      options[key] = known.value;
      inForce[key] = before;
      const message = `${parsed.error}; the last good value, ${shown(before)}, stays in force`;
      reasons.push({ field: optionField(key), message });
    } else if ('closed' in spec) {
      options[key] = spec.closed;
      const message = `${parsed.error}; until it is corrected it is read in the strictest way`;
      reasons.push({ field: optionField(key), message });
    } else if (spec.keepsOut?.(text) === true) {
      const message = `${parsed.error}; it may keep somebody out, so every route answers 503 until it is corrected`;
      closing.push({ field: optionField(key), message });
    } else {
      reasons.push({ field: optionField(key), message: `${parsed.error}; the default is used` });
    }
  }
  return { options: options as unknown as Options, inForce, reasons, closing };
}

const addressLists: ReadonlySet<string> = new Set([
  'whitelist-source-range',
  'denylist-source-range',
  'block-cidrs',
  'proxy-real-ip-cidr',
]);

const unproven = { error: 'is not taken while nginx refuses something of this ConfigMap' };

/** The field of an option, for a Reason. */
export function optionField(key: string): string {
  return `data[${shown(key)}]`;
}

function unknownKey(key: string): string {
  const reason = notSupported.get(key);
  if (reason !== undefined) {
    return `has no effect: ${reason}`;
  }
  const near = nearest(key, optionTable.keys());
  return `is unknown and has no effect: ${near === null ? 'remove it or correct its name' : `did you mean ${near}?`}`;
}

function asks(text: string): boolean {
  return !['', 'false', 'f', '0'].includes(text.trim().toLowerCase());
}
