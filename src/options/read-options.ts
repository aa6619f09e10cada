import { refused, shown } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { nearest } from '../model/nearest.ts';
import { notSupported } from './not-supported.ts';
import { defaultOptions, optionTable, type Options } from './options.ts';

/**
 * By key: the texts that are in force. Blank where a list lets nobody in because nothing good is known of it; no entry
 * where the key is not there, or has no effect.
 */
export type GoodOptions = Readonly<Record<string, string>>;

/** The options of one build. */
export interface OptionReading {
  readonly options: Options;
  /** The last good ones of a later reading, once nginx serves them; null where `closing` lets nothing be served. */
  readonly inForce: GoodOptions | null;
  /** What has no effect, or not the effect that was asked for. */
  readonly reasons: readonly Reason[];
  /** Protections that cannot be built: every route answers 503 while there is one. */
  readonly closing: readonly Reason[];
}

/**
 * Reads the data of the options ConfigMap. A bad value leaves the last good one in force, or the default where there
 * is none. An option that keeps somebody out lets nobody in where no last good form of the ConfigMap is known (null); a
 * known form without the key stays as it was: a slip in an edit must not take every host down. Unknown keys are told.
 *
 * `suspect`: nginx refused something of it, and nobody can say which value. All that is new is taken for bad then,
 * but for lists of addresses: those cannot be wrong for nginx, and somebody may be kept out by them.
 */
export function readOptions(
  data: Readonly<Record<string, string>>,
  lastGood: GoodOptions | null,
  suspect = false,
): OptionReading {
  const options: Record<string, unknown> = { ...defaultOptions };
  const inForce: Record<string, string> = {};
  const reasons: Reason[] = [];
  const closing: Reason[] = [];
  for (const key of Object.keys(data).sort()) {
    const text = data[key] ?? '';
    const spec = optionTable.get(key);
    if (spec === undefined) {
      reasons.push({ field: optionField(key), message: unknownKey(key) });
      continue;
    }
    if (text.trim() === '') {
      continue;
    }
    const parsed =
      suspect && lastGood?.[key] !== text && !addressLists.has(key) ? unproven : spec.parse(text);
    if (!refused(parsed)) {
      options[key] = parsed.value;
      inForce[key] = text;
      const remark = spec.remark?.(text) ?? null;
      if (remark !== null) {
        reasons.push({ field: optionField(key), message: remark });
      }
      continue;
    }
    const before = lastGood === null ? '' : lastGood[key];
    const known = before === undefined || before === '' ? parsed : spec.parse(before);
    const isProtection = 'closed' in spec || spec.keepsOut?.(text) === true;
    if (before !== undefined && !refused(known)) {
      options[key] = known.value;
      inForce[key] = before;
      const message = `${parsed.error}; the last good value, ${shown(before)}, stays in force`;
      reasons.push({ field: optionField(key), message });
    } else if (isProtection && before === undefined) {
      const message = `${parsed.error}; the last good form of the ConfigMap does not have it, and stays in force`;
      reasons.push({ field: optionField(key), message });
    } else if ('closed' in spec) {
      options[key] = spec.closed;
      inForce[key] = '';
      const message = `${parsed.error}; until it is corrected it is read in the strictest way`;
      reasons.push({ field: optionField(key), message });
    } else if (isProtection) {
      const message = `${parsed.error}; it may keep somebody out, so every route answers 503 until it is corrected`;
      closing.push({ field: optionField(key), message });
    } else {
      reasons.push({ field: optionField(key), message: `${parsed.error}; the default is used` });
    }
  }
  return {
    options: options as unknown as Options,
    inForce: closing.length === 0 ? inForce : null,
    reasons,
    closing,
  };
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
