import { isGatewayError, reasonOf } from '../errors.ts';
import type { Chosen, Ledger } from '../extensions/ledger.ts';
import type { Trouble, Unit } from '../extensions/unit.ts';
import type { Candidate } from '../model/candidate.ts';
import type { ApplyResult, Fault } from '../nginx/apply-result.ts';
import type { BuildAnswer } from '../worker/protocol.ts';
import type { TemplateLine } from '../render/template-lines.ts';

/** What a trial does with one choice of units. */
export interface TrialBench {
  /** Builds, lints and tests, and leaves nginx as it is. */
  check(chosen: Chosen): Promise<ApplyResult>;
  /** The build that a candidate came from. */
  answerOf(candidate: Candidate): BuildAnswer | null;
  /** Where the templates wrote a line of that build. */
  locate(chosen: Chosen, line: number): Promise<TemplateLine | null>;
  onRefused(unit: Unit, trouble: Trouble): void;
}

/** Each round takes one form of a unit out; there are no more forms than this in use at once. */
const mostRounds = 100;

/**
 * Tries what is new before nginx gets it, and refuses it where it is to blame: the build fails, or the lint or nginx
 * refuses a text, or an object, that they take without it. Then the last good form is chosen, or what is built in.
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
    ledger.refuse(blamed.unit, blamed.trouble);
    bench.onRefused(blamed.unit, blamed.trouble);
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
    result = await bench.check(chosen);
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
  const base = baseOf(chosen);
  if (!isBetter(await bench.check(base), result)) {
    // It fails without them as well: an object is to blame, or the machine.
    return null;
  }
  return await blameOne(chosen, base, result, bench);
}

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
    const wanted = new Set([...accepted, unit]);
    const part = { ...chosen, units: chosen.units.filter((each) => wanted.has(each)), onTrial: [unit] };
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
    await bench.check(chosen);
    return null;
  } catch (error) {
    return { error };
  }
}

function blameFor(unit: Unit, error: unknown): Blamed {
  return { unit, trouble: { file: unit.from, line: null, message: reasonOf(error) } };
}

/** The first unit with which it fails, tried one after the other. */
async function blameOne(
  chosen: Chosen,
  base: Chosen,
  failed: ApplyResult,
  bench: TrialBench,
): Promise<Blamed | null> {
  const accepted: Unit[] = [];
  for (const unit of chosen.onTrial) {
    if (chosen.onTrial.length === 1) {
      return { unit, trouble: await troubleOf(unit, chosen, failed, bench) };
    }
    const wanted = new Set([...base.units, ...accepted, unit]);
    const part: Chosen = {
      ...chosen,
      units: chosen.units.filter((each) => wanted.has(each)),
      onTrial: [unit],
    };
    try {
      const result = await bench.check(part);
      if (!isSound(result) && failsLike(result, failed)) {
        return { unit, trouble: await troubleOf(unit, part, result, bench) };
      }
    } catch (error) {
      const blamed = blameError(error, part);
      if (blamed !== null) {
        return blamed;
      }
    }
    accepted.push(unit);
  }
  const [first] = chosen.onTrial;
  return first === undefined ? null : { unit: first, trouble: await troubleOf(first, chosen, failed, bench) };
}

function failsLike(one: ApplyResult, other: ApplyResult): boolean {
  return one.outcome === 'failed' || other.outcome !== 'failed';
}

function isSound({ outcome, added }: ApplyResult): boolean {
  return outcome !== 'failed' && added.length === 0;
}

function isBetter(one: ApplyResult, than: ApplyResult): boolean {
  if (one.outcome !== than.outcome) {
    return than.outcome === 'failed';
  }
  return one.added.length < than.added.length;
}

async function troubleOf(
  unit: Unit,
  chosen: Chosen,
  { fault, failedText }: ApplyResult,
  bench: TrialBench,
): Promise<Trouble> {
  const message = faultText(fault);
  const line = failedText?.line ?? null;
  const place = line === null ? null : await bench.locate(chosen, line).catch(() => null);
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
  for (const { plugin, object, reason } of answer?.failures ?? []) {
    const unit = chosen.onTrial.find((each) => each.plugin?.name === plugin);
    if (unit !== undefined && ledger.hasPrevious(unit)) {
      const where = object === '' ? '' : ` for ${object}`;
      return { unit, trouble: { file: unit.from, line: null, message: `it throws${where}: ${reason}` } };
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
