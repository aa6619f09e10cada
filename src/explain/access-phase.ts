import type { Location, Server } from '../model/model.ts';
import type { Token } from '../model/token.ts';
import type { StepState } from './explanation.ts';
import { isWithin } from './addresses.ts';
import { signInPage } from './answers.ts';
import { additionOf, listAt, numberAt, settingsAt, tokenAt, tokensAt, type End, type Walk } from './walk.ts';

/** How a protection judges a request; null where that is not in the request. */
type Judgement = 'passes' | 'refuses' | null;

/** One protection: what it says, and what it would answer. */
interface Check {
  readonly kind: 'access-list' | 'basic-auth' | 'external-auth';
  readonly judgement: Judgement;
  readonly status: 401 | 403;
  readonly text: string;
  /** What has to be true where nobody can tell. */
  readonly condition: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Limits, which depend on the requests of others. */
export function limits(location: Location, walk: Walk): void {
  const settings = additionOf(location, 'rate-limit');
  if (settings === null) {
    return;
  }
  const rates = listAt(settings, 'requests').map((each) => {
    const unit = each['perMinute'] === true ? 'minute' : 'second';
    const text = `${numberAt(each, 'rate')} requests a ${unit} (burst ${numberAt(each, 'burst')})`;
    return { text, zone: settingsAt(each, 'zone') ?? {} };
  });
  const held = settingsAt(settings, 'connections');
  const all = [
    ...rates,
    ...(held === null
      ? []
      : [{ text: `${numberAt(held, 'most')} connections`, zone: settingsAt(held, 'zone') ?? {} }]),
  ];
  for (const { text, zone } of all) {
    const exempt = settingsAt(zone, 'exempt');
    const networks = exempt === null ? [] : (tokensAt(exempt, 'networks') as Token<'cidr'>[]);
    if (isWithin(walk.variables.clientAddress, networks) === true) {
      walk.step('rate-limit', 'passes', `limit of ${text}: not for this client`, location.origin);
      continue;
    }
    const { options } = walk.model;
    const status = options[text.endsWith('connections') ? 'limit-conn-status-code' : 'limit-req-status-code'];
    walk.assume(
      'rate-limit',
      `limit of ${text} for each ${tokenAt(zone, 'variable')?.text}; ${status} above it`,
      'the limits are not used up',
      location.origin,
    );
  }
  const rate = numberAt(settings, 'rate') ?? 0;
  if (rate > 0) {
    const after = numberAt(settings, 'rateAfter') ?? 0;
    const text = `the answer is sent at ${rate} KiB a second${after > 0 ? ` after the first ${after} KiB` : ''}`;
    walk.step('rate-limit', 'applies', text, location.origin);
  }
}

/** Address lists, password and external check, in nginx's order; null where the request goes on. */
export function accessPhase(location: Location, server: Server, walk: Walk): End | null {
  const checks = [
    accessList(location, walk),
    basicAuth(location, server, walk),
    externalAuth(location, server, walk),
  ].flatMap((check) => check ?? []);
  const mode = tokenAt(additionOf(location, 'satisfy') ?? {}, 'mode')?.text ?? 'all';
  if (mode === 'any' && checks.length > 0) {
    return anyOf(checks, location, walk);
  }
  for (const { kind, judgement, status, text, condition, details } of checks) {
    if (judgement === 'refuses') {
      return walk.end(kind, { status, location: null, text: `${status}: ${text}` }, location.origin);
    }
    if (judgement === null) {
      walk.assume(kind, text, condition, location.origin, details);
    } else {
      walk.step(kind, 'passes', text, location.origin);
    }
  }
  return null;
}

function anyOf(checks: readonly Check[], location: Location, walk: Walk): End | null {
  const text = 'one protection that lets the request in is enough (satisfy any)';
  walk.step('satisfy', 'applies', text, location.origin);
  for (const check of checks) {
    walk.step(check.kind, stateOf(check.judgement), check.text, location.origin, check.details);
    if (check.judgement === 'passes') {
      return null;
    }
  }
  const open = checks.filter(({ judgement }) => judgement === null);
  if (open.length > 0) {
    walk.provided.push(open.map(({ condition }) => condition).join(', or '));
    return null;
  }
  const status = checks.some((check) => check.status === 401) ? 401 : 403;
  const end = { status, location: null, text: `${status}: no protection lets the request in` };
  return walk.end('satisfy', end, location.origin);
}

/** Of one that others stand beside: what it refuses is not refused yet. */
function stateOf(judgement: Judgement): StepState {
  if (judgement === null) {
    return 'depends';
  }
  return judgement === 'passes' ? 'passes' : 'applies';
}

function accessList(location: Location, walk: Walk): Check | null {
  const settings = additionOf(location, 'source-range');
  if (settings === null) {
    return null;
  }
  const address = walk.variables.clientAddress;
  const deny = tokensAt(settings, 'deny') as Token<'cidr'>[];
  const allow = tokensAt(settings, 'allow') as Token<'cidr'>[];
  const isDenied = isWithin(address, deny);
  const isAllowed = allow.length === 0 ? true : isWithin(address, allow);
  const judgement = judgementOf(isDenied, isAllowed);
  const lists = [
    ...(deny.length === 0 ? [] : [`denied are ${listed(deny)}`]),
    ...(allow.length === 0 ? [] : [`allowed are ${listed(allow)}`]),
  ].join('; ');
  return {
    kind: 'access-list',
    judgement,
    status: 403,
    text: `${address ?? 'the address of the client'} ${verdictWord(judgement)}: ${lists}`,
    condition: "the client's address is one that is let in",
  };
}

function judgementOf(isDenied: boolean | null, isAllowed: boolean | null): Judgement {
  if (isDenied === true || isAllowed === false) {
    return 'refuses';
  }
  return isDenied === null || isAllowed === null ? null : 'passes';
}

function verdictWord(judgement: Judgement): string {
  switch (judgement) {
    case 'refuses':
      return 'is not let in';
    case 'passes':
      return 'is let in';
    default:
      return 'decides';
  }
}

function listed(networks: readonly Token[]): string {
  const most = 10;
  const rest = networks.length - most;
  return `${networks
    .slice(0, most)
    .map(({ text }) => text)
    .join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function basicAuth(location: Location, server: Server, walk: Walk): Check | null {
  const settings = additionOf(location, 'basic-auth');
  if (settings === null) {
    return null;
  }
  const sent = /^basic +(.*)$/isu.exec(walk.variables.get('http_authorization') ?? '')?.[1] ?? null;
  const isUser = sent !== null && Buffer.from(sent.trim(), 'base64').includes(':');
  const realm = tokenAt(settings, 'realm')?.text ?? '';
  return {
    kind: 'basic-auth',
    judgement: isUser ? null : 'refuses',
    status: 401,
    text: `a user and a password are asked for (realm "${realm}")${isUser ? '' : '; none were given'}`,
    condition: 'the password is right',
    details: { otherwise: insteadOf401(location, server, walk) },
  };
}

/** What a client gets where a protection says 401. */
function insteadOf401(
  location: Location,
  server: Server,
  walk: Walk,
): { readonly status: number; readonly location: string | null } {
  const signIn = signInPage(location, server, walk);
  return { status: signIn === null ? 401 : 302, location: signIn };
}

function externalAuth(location: Location, server: Server, walk: Walk): Check | null {
  const path = tokenAt(additionOf(location, 'external-auth') ?? {}, 'path')?.text;
  const question = server.internals.find((each) => each.path !== null && each.path.text === path);
  if (path === undefined || question === undefined) {
    return null;
  }
  const url = tokenAt(question.settings, 'url')?.text ?? '';
  const otherwise = insteadOf401(location, server, walk);
  const signIn = otherwise.location;
  const no = signIn === null ? '401 and 403 are no' : `403 is no, 401 becomes a redirect to ${signIn}`;
  return {
    kind: 'external-auth',
    judgement: null,
    status: 401,
    text: `${question.upstream?.text ?? url} is asked whether the request may go on: 2xx is yes, ${no}, all else is 500`,
    condition: 'the external check says yes',
    details: { otherwise },
  };
}
