import { isGatewayError, reasonOf } from '../errors.ts';
import type { Chosen, Ledger } from '../extensions/ledger.ts';
import type { Trouble, Unit } from '../extensions/unit.ts';
import type { Candidate } from '../model/candidate.ts';
import type { ApplyResult, Fault, Quarantine } from '../nginx/apply-result.ts';
import type { BuildAnswer } from '../worker/protocol.ts';
import type { TemplateLine } from '../render/template-lines.ts';

/** What a trial does with one choice of units. All leave nginx as it is. */
export interface TrialBench {
  /** Builds, lints and tests once; `without` are objects kept out beside those that are kept out anyhow. */
  probe(chosen: Chosen, without: Quarantine): Promise<ApplyResult>;
  /** Searches also for the objects that are at fault. */
  search(chosen: Chosen): Promise<ApplyResult>;
  /** The build that a candidate came from. */
  answerOf(candidate: Candidate): BuildAnswer | null;
  /** Where the templates wrote a line of what was probed. */
  locate(chosen: Chosen, without: Quarantine, line: number): Promise<TemplateLine | null>;
  onRefused(unit: Unit, trouble: Trouble): void;
}

/** Each round takes one form of a unit out; there are no more forms than this in use at once. */
const mostRounds = 100;

/**
 * Tries what is new before nginx gets it, and refuses it where it is to blame: the build fails, or the lint or nginx
 * refuses a text that they take without it. Then the last good form is chosen, or what is built in. One form that is
 * broken costs three tests, whatever it breaks.
 */
export async function settleExtensions(ledger: Ledger, bench: TrialBench): Promise<Chosen> {
  for (let round = 0; round < mostRounds; round += 1) {
    const chosen = ledger.choose();
    if (chosen.onTrial.length === 0) {
      return chosen;
    }
    const blamed = await tryOut(chosen, ledger, bench);
    if (blamed === null) {
      return chosen;
    }
    bench.onRefused(blamed.unit, ledger.refuse(blamed.unit, blamed.trouble));
  }
  return ledger.choose();
}

export interface Blamed {
  readonly unit: Unit;
  readonly trouble: Trouble;
}

async function tryOut(chosen: Chosen, ledger: Ledger, bench: TrialBench): Promise<Blamed | null> {
  let result: ApplyResult;
  try {
    result = await bench.probe(chosen, nobody);
  } catch (error) {
    const blamed = blameError(error, chosen) ?? (await isolate(chosen, bench));
    if (blamed === null) {
      throw error;
    }
    return blamed;
  }
  const thrown = blameThrown(bench.answerOf(result.candidate), chosen, ledger);
  if (thrown !== null || isSound(result) || result.fault?.kind === 'environment') {
    return thrown;
  }
  // Objects that are refused without it as well are not its fault.
  const base = await bench.search(baseOf(chosen));
  return isSound(base) ? await blameOne(chosen, base.quarantined, bench) : null;
}

const nobody: Quarantine = new Map();

function baseOf(chosen: Chosen): Chosen {
  const units = chosen.units.filter((unit) => !chosen.onTrial.includes(unit));
  return { ...chosen, units, onTrial: [] };
}

/**
 * Whose a build fails through that names nobody: without what is on trial it succeeds, and with this one it fails. Null
 * where it fails anyhow, or does not fail again.
 */
async function isolate(chosen: Chosen, bench: TrialBench): Promise<Blamed | null> {
  const accepted: Unit[] = [...baseOf(chosen).units];
  if ((await failureOf(baseOf(chosen), bench)) !== null) {
    return null;
  }
  for (const unit of chosen.onTrial) {
    const part = partOf(chosen, accepted, unit);
    const failure = await failureOf(part, bench);
    if (failure !== null) {
      return blameError(failure.error, part) ?? blameFor(unit, failure.error);
    }
    accepted.push(unit);
  }
  return null;
}

async function failureOf(chosen: Chosen, bench: TrialBench): Promise<{ readonly error: unknown } | null> {
  try {
    await bench.probe(chosen, nobody);
    return null;
  } catch (error) {
    return { error };
  }
}

function blameFor(unit: Unit, error: unknown): Blamed {
  return { unit, trouble: { file: unit.from, line: null, message: reasonOf(error) } };
}

/** The first unit with which it fails, tried one after the other; null where only the objects kept out made it fail. */
async function blameOne(chosen: Chosen, without: Quarantine, bench: TrialBench): Promise<Blamed | null> {
  const accepted: Unit[] = [];
  for (const unit of chosen.onTrial) {
    const part = partOf(chosen, [...baseOf(chosen).units, ...accepted], unit);
    try {
      const result = await bench.probe(part, without);
      if (result.fault?.kind === 'environment') {
        return null;
      }
      if (!isSound(result)) {
        return { unit, trouble: await troubleOf(unit, part, without, result, bench) };
      }
    } catch (error) {
      return blameError(error, part) ?? blameFor(unit, error);
    }
    accepted.push(unit);
  }
  return null;
}

/** One unit on trial beside others that are not. */
function partOf(chosen: Chosen, others: readonly Unit[], unit: Unit): Chosen {
  const wanted = new Set([...others, unit]);
  return { ...chosen, units: chosen.units.filter((each) => wanted.has(each)), onTrial: [unit] };
}

function isSound({ outcome }: ApplyResult): boolean {
  return outcome !== 'failed';
}

async function troubleOf(
  unit: Unit,
  chosen: Chosen,
  without: Quarantine,
  { fault, failedText }: ApplyResult,
  bench: TrialBench,
): Promise<Trouble> {
  const message = faultText(fault);
  const line = failedText?.line ?? null;
  const place = line === null ? null : await bench.locate(chosen, without, line).catch(() => null);
  const own = place !== null && unit.templates.some(({ from }) => from === place.file) ? place : null;
  return { file: own?.file ?? unit.from, line: own?.line ?? null, message };
}

function faultText(fault: Fault | null): string {
  if (fault === null) {
    return 'with it, the configuration is refused';
  }
  const who = fault.stage === 'lint' ? 'the check before nginx refuses it' : 'nginx refuses it';
  return `${who}: ${fault.message}`;
}

/** A plugin that throws in its new form while the last one is still there. Without one, its routes answer 503. */
function blameThrown(answer: BuildAnswer | null, chosen: Chosen, ledger: Ledger): Blamed | null {
  for (const { plugin, object, reason, line } of answer?.failures ?? []) {
    const unit = chosen.onTrial.find((each) => each.plugin?.name === plugin);
    if (unit !== undefined && ledger.hasPrevious(unit)) {
      const where = object === '' ? '' : ` for ${object}`;
      return { unit, trouble: { file: unit.from, line, message: `it throws${where}: ${reason}` } };
    }
  }
  return null;
}

/** Whose an error of a build is: a unit's own, or that of the only one on trial. Null where nobody can say yet. */
export function blameError(error: unknown, { units, onTrial }: Chosen): Blamed | null {
  if (isGatewayError(error, 'CNG_PLUGIN_BROKEN')) {
    const unit = units.find(({ plugin }) => plugin?.name === error.fields['plugin']);
    const line = Number(error.fields['line']);
    const message = String(error.fields['reason']);
    return unit === undefined
      ? null
      : { unit, trouble: { file: unit.from, line: Number.isInteger(line) ? line : null, message } };
  }
  if (isGatewayError(error, 'CNG_TEMPLATE_BROKEN') || isGatewayError(error, 'CNG_RENDER_UNENCODED_VALUE')) {
    const file = String(error.fields['template']);
    const line = Number(error.fields['line']);
    const message = String(error.fields['reason'] ?? error.fields['field']);
    const owner = units.find(({ templates }) => templates.some(({ from }) => from === file));
    if (owner !== undefined) {
      return { unit: owner, trouble: { file, line: Number.isInteger(line) ? line : null, message } };
    }
    // About the text as a whole, or about a built-in template that is printed with what another one left out.
    const unit = onTrial.find(({ templates }) => templates.some(isFrame)) ?? only(onTrial);
    const frame = unit?.templates.find(isFrame);
    return unit === null ? null : { unit, trouble: { file: frame?.from ?? unit.from, line: null, message } };
  }
  const isLoop = isGatewayError(error, 'CNG_WORKER_DEADLINE') || isGatewayError(error, 'CNG_WORKER_CRASHED');
  const unit = isLoop ? only(onTrial) : null;
  return unit === null ? null : blameFor(unit, error);
}

function only(units: readonly Unit[]): Unit | null {
  return units.length === 1 ? (units[0] ?? null) : null;
}

/** Templates without which nginx.conf is none. */
function isFrame({ name }: { readonly name: string }): boolean {
  return name === 'private-server' || name === 'nginx.conf';
}
