import type { Alternative, Condition, Split, SplitMemory, SplitTarget } from '../model/model.ts';
import { token, type Token } from '../model/token.ts';
import { identifier, objectName } from '../model/words.ts';

/** A split as templates see it: the maps that choose for each request, step by step. */
export interface SplitView extends Pick<Split, 'origin' | 'name'> {
  readonly comment: Token<'object'> | null;
  readonly alternatives: readonly AlternativeView[];
  /** Chooses by chance: parts of 100 %, the rest is the primary's. Null where no alternative has a share. */
  readonly chance: ChanceView | null;
  /** Holds the number of the side that the client's cookies name; null where none does. */
  readonly memory: MemoryView | null;
  /** The map that joins all of this to the number of the target: 0 is the primary. */
  readonly choice: ChoiceView;
  readonly targets: readonly TargetView[];
  /** The map to what the traffic log says of the canary that took a request; null where requests are not counted. */
  readonly traffic: TrafficNamesView | null;
  /** A variable for the log: the target that is not the primary. Null where the log does not have it. */
  readonly logged: Token<'identifier'> | null;
}

export interface AlternativeView extends Pick<Alternative, 'origin' | 'conditions'> {
  readonly comment: Token<'object'> | null;
}

export interface ChanceView {
  readonly name: Token<'identifier'>;
  readonly parts: readonly { readonly percent: Token<'keyword'>; readonly number: number }[];
}

export interface MemoryView {
  readonly name: Token<'identifier'>;
  readonly sides: SplitMemory['sides'];
  /** The variable that holds the cookie to set, or nothing. */
  readonly cookieName: Token<'identifier'>;
  readonly cookieInput: Token<'expression'>;
  readonly cookies: readonly {
    /** The client has it already. */
    readonly kept: Token<'regex'>;
    readonly wanted: Token<'regex'>;
    readonly cookie: Token<'expression'>;
  }[];
}

export interface ChoiceView {
  readonly name: Token<'identifier'>;
  readonly input: Token<'expression'>;
  readonly rules: readonly { readonly pattern: Token<'regex'>; readonly number: number }[];
}

export interface TargetView {
  readonly number: number;
  readonly target: SplitTarget;
}

export interface TrafficNamesView {
  readonly name: Token<'identifier'>;
  readonly canaries: readonly { readonly number: number; readonly text: Token<'text'> }[];
}

/** The variable of a split that holds what the traffic log says of the canary. */
export function trafficVariable(split: Token<'identifier'>): Token<'identifier'> {
  return identifier(`${split.text}_canary`);
}

/**
 * The input of the choice is `side;header,cookie:header,cookie:…|chance`: the side that the client's session is with,
 * then what each alternative's conditions say (`there`, `away` or nothing), then the number that chance has drawn.
 */
export function viewSplit(split: Split, isCounted: boolean, isLogged: boolean): SplitView {
  const { origin, name, primary, alternatives, memory } = split;
  function variable(ending: string): Token<'identifier'> {
    return identifier(`${name.text}_${ending}`);
  }
  const chance = chanceOf(alternatives, variable('chance'));
  const side = memory === null ? null : variable('side');
  const number = variable('number');
  const said = alternatives.map(({ conditions }) => `${wordOf(conditions[0])},${wordOf(conditions[1])}:`);
  return {
    origin,
    name,
    comment: origin === null ? null : objectName(origin),
    alternatives: alternatives.map((each) => ({
      origin: each.origin,
      comment: each.origin === null ? null : objectName(each.origin),
      conditions: each.conditions,
    })),
    chance,
    memory: memory === null || side === null ? null : memoryOf(memory, side, number, variable('cookie')),
    choice: {
      name: number,
      input: token('expression', `${referTo(side)};${said.join('')}|${referTo(chance?.name ?? null)}`),
      rules: rulesOf(alternatives, memory),
    },
    targets: [primary, ...alternatives.map(({ target }) => target)].map((target, index) => ({
      number: index,
      target,
    })),
    traffic: isCounted
      ? {
          name: trafficVariable(name),
          canaries: alternatives.map(({ trafficName }, index) => ({ number: index + 1, text: trafficName })),
        }
      : null,
    logged: isLogged ? variable('alternative') : null,
  };
}

function referTo(variable: Token<'identifier'> | null): string {
  return variable === null ? '' : `\${${variable.text}}`;
}

function wordOf(condition: Condition | undefined): string {
  return referTo(condition?.name ?? null);
}

function chanceOf(alternatives: readonly Alternative[], name: Token<'identifier'>): ChanceView | null {
  const parts = alternatives.flatMap(({ share }, index) =>
    share === 0 ? [] : [{ percent: token('keyword', (share / 100).toFixed(2)), number: index + 1 }],
  );
  return parts.length === 0 ? null : { name, parts };
}

/** A session first, then the conditions of each alternative in order, then chance. */
function rulesOf(alternatives: readonly Alternative[], memory: SplitMemory | null): ChoiceView['rules'] {
  const numbered = alternatives.map((alternative, index) => ({
    ...alternative,
    number: index + 1,
    // The part of the input that is about this one.
    start: index === 0 ? '^;' : `^;(?:[^:|]*:){${index}}`,
  }));
  return [
    ...(memory?.sides ?? []).map(({ number }) => ({ pattern: token('regex', `^${number};`), number })),
    ...numbered
      .filter(({ conditions }) => conditions.length > 0)
      .map(({ number, start }) => ({ pattern: token('regex', `${start}(?:there,|,there:)`), number })),
    ...numbered
      .filter(({ share }) => share > 0)
      .map(({ number, start }) => ({ pattern: token('regex', `${start},:.*\\|${number}$`), number })),
  ];
}

function memoryOf(
  { sides }: SplitMemory,
  name: Token<'identifier'>,
  number: Token<'identifier'>,
  cookieName: Token<'identifier'>,
): MemoryView {
  return {
    name,
    sides,
    cookieName,
    cookieInput: token('expression', `${referTo(name)};${referTo(number)}`),
    cookies: sides.map((side) => ({
      kept: token('regex', `^${side.number};${side.number}$`),
      wanted: token('regex', `;${side.number}$`),
      cookie: side.cookie,
    })),
  };
}
