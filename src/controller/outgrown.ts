import { isGatewayError, reasonOf } from '../errors.ts';
import type { Chosen } from '../extensions/ledger.ts';
import type { Unit } from '../extensions/unit.ts';
import type { Blamed } from './extension-trials.ts';

/** Whether an error of a build says nothing of whose it is: a limit was reached, or something threw where nothing may. */
export function isOfNobody(error: unknown): boolean {
  return (
    isGatewayError(error, 'CNG_WORKER_DEADLINE') ||
    isGatewayError(error, 'CNG_WORKER_CRASHED') ||
    isGatewayError(error, 'CNG_INTERNAL') ||
    isGatewayError(error, 'CNG_TEMPLATE_BROKEN')
  );
}

/**
 * The unit without which a build succeeds that fails with it, most often one that was good before: the cluster has
 * grown, or the unit does something later. Null where it fails without any of them as well: then the machine or the cluster is
 * too much for the limits. Each try may take as long as a build may.
 */
export async function findOutgrown(
  error: unknown,
  chosen: Chosen,
  builds: (part: Chosen) => Promise<boolean>,
): Promise<Blamed | null> {
  const { units } = chosen;
  if (!(await builds(without(chosen, units)))) {
    return null;
  }
  for (const unit of units.length > 1 ? units : []) {
    if (await builds(without(chosen, [unit]))) {
      return blamed(unit, error, chosen);
    }
  }
  // Each alone is too much, or only all of them together are: one after the other goes, until it fits.
  const last = units.at(-1);
  return last === undefined ? null : blamed(last, error, chosen);
}

function blamed(unit: Unit, error: unknown, { onTrial }: Chosen): Blamed {
  const reason = reasonOf(error);
  const message = onTrial.includes(unit)
    ? `without it the configuration can be built: ${reason}`
    : `it was good before and is too much for what the cluster has become: ${reason}`;
  return { unit, trouble: { file: unit.from, line: null, message } };
}

function without(chosen: Chosen, left: readonly Unit[]): Chosen {
  const message = 'left out to find out whose fault it is';
  return {
    units: chosen.units.filter((unit) => !left.includes(unit)),
    onTrial: chosen.onTrial.filter((unit) => !left.includes(unit)),
    missing: [
      ...chosen.missing,
      ...left.map((unit) => ({ unit, trouble: { file: unit.from, line: null, message } })),
    ],
  };
}
