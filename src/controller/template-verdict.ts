import type { Ledger } from '../extensions/ledger.ts';
import type { Trouble } from '../extensions/unit.ts';
import { parseObjectKey } from '../model/object-ref.ts';
import { redactText } from '../model/redact.ts';
import type { Reason, Verdict } from '../model/verdict.ts';

/** Adds the verdict on the ConfigMap with templates: what of it was refused, with key and line. */
export function withTemplateVerdict(verdicts: readonly Verdict[], extensions: Ledger): readonly Verdict[];
export function withTemplateVerdict(
  verdicts: readonly Verdict[] | null,
  extensions: Ledger,
): readonly Verdict[] | null;
export function withTemplateVerdict(
  verdicts: readonly Verdict[] | null,
  extensions: Ledger,
): readonly Verdict[] | null {
  if (verdicts === null) {
    return null;
  }
  const found = new Map<string, Verdict>();
  for (const { unit, inForce, trouble } of extensions.status()) {
    const ref = unit.source === 'template ConfigMap' ? parseObjectKey(unit.from) : null;
    if (ref !== null) {
      const kept =
        inForce === 'previous' ? 'its last good form stays in force' : 'the built-in templates are used';
      const reasons = trouble === null ? [] : [reasonOf(trouble, kept)];
      found.set(unit.from, { ...ref, state: trouble === null ? 'served' : 'rejected', reasons });
    }
  }
  for (const trouble of extensions.troubles()) {
    const [key = ''] = trouble.file.split(' ');
    const ref = parseObjectKey(key);
    if (ref?.kind === 'ConfigMap') {
      const before = found.get(key) ?? { ...ref, state: 'served-with-difference' as const, reasons: [] };
      const state = before.state === 'served' ? 'served-with-difference' : before.state;
      found.set(key, { ...before, state, reasons: [...before.reasons, reasonOf(trouble, null)] });
    }
  }
  const others = verdicts.filter(({ kind, namespace, name }) => !found.has(`${kind}/${namespace}/${name}`));
  return found.size === 0 ? verdicts : [...others, ...found.values()].sort(compare);
}

function reasonOf({ file, line, message }: Trouble, kept: string | null): Reason {
  const [, name] = file.split(' ');
  const where = line === null ? '' : `line ${line}: `;
  return {
    field: name === undefined ? 'data' : `data[${JSON.stringify(name)}]`,
    message: `${where}${redactText(message)}${kept === null ? '' : `; ${kept}`}`,
  };
}

function compare(a: Verdict, b: Verdict): number {
  const [one, other] = [a, b].map(({ kind, namespace, name }) => [kind, namespace, name].join('\n'));
  return (one ?? '') < (other ?? '') ? -1 : 1;
}
