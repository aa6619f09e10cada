import { choice, flag, integer } from '../model/grammar.ts';
import { headerName } from '../model/header.ts';
import { requestText, requestTextExpression, type RequestText } from '../model/request-text.ts';
import type { Token } from '../model/token.ts';
import { keyword } from '../model/words.ts';
import type { Told, UpstreamAdditions } from './additions.ts';
import type { AnnotationView, MemberContext, UpstreamContext } from './context.ts';
import { firstAsking } from './first-asking.ts';
import { annotation, definePlugin } from './plugin.ts';
import {
  isByNginx,
  ownCookie,
  sessionCookie,
  sessionCookieTable,
  stickyParameters,
  type OwnCookie,
} from './session-cookie.ts';

/** Of ingress-nginx's algorithms and nginx's own. */
const algorithms = [
  'round_robin',
  'least_conn',
  'random',
  'random two least_conn',
  'ip_hash',
  'ewma',
  'chash',
  'chashsubset',
  'sticky_balanced',
  'sticky_persistent',
] as const;

export type Algorithm = (typeof algorithms)[number];

interface Method {
  readonly name: Token<'keyword'>;
  /** The better of two, by open connections. */
  readonly two: boolean;
}

const twoRandom: Method = { name: keyword('random'), two: true };

/** The directive of an algorithm; null of round robin, which has none. */
const methods: Readonly<Record<Algorithm, Method | null>> = {
  round_robin: null,
  least_conn: { name: keyword('least_conn'), two: false },
  random: { name: keyword('random'), two: false },
  'random two least_conn': twoRandom,
  ip_hash: { name: keyword('ip_hash'), two: false },
  ewma: twoRandom,
  chash: null,
  chashsubset: null,
  sticky_balanced: null,
  sticky_persistent: null,
};

const table = {
  /** Null: the option of the same name holds. */
  'load-balance': annotation<Algorithm | null>({
    ...choice(algorithms),
    default: null,
    onInvalid: 'reject',
    description: `How an endpoint is chosen: ${algorithms.slice(0, 6).join(', ')}.`,
  }),
  'upstream-hash-by': annotation<RequestText | null>({
    ...requestText({
      name: 'text',
      characters: 'A-Za-z0-9_-',
      allowed: 'variables of the request such as $request_uri, letters, digits, "-" and "_"',
      samples: ['$request_uri', '$host-${remote_addr}'],
    }),
    default: null,
    risk: 'High',
    onInvalid: 'reject',
    description: 'Chooses the endpoint by a consistent hash of this text, for example $request_uri.',
  }),
  'upstream-hash-by-subset': annotation({
    ...flag,
    default: false,
    onInvalid: 'reject',
    description: 'Has no effect: the hash chooses one endpoint.',
  }),
  'upstream-hash-by-subset-size': annotation<number>({
    ...integer(0, 100_000),
    default: 3,
    onInvalid: 'reject',
    description: 'Has no effect.',
  }),
  affinity: annotation<'cookie' | null>({
    ...choice(['cookie']),
    default: null,
    scope: 'ingress',
    description: 'Keeps a client on one endpoint by a cookie: cookie.',
  }),
  'affinity-mode': annotation<'balanced' | 'persistent'>({
    ...choice(['balanced', 'persistent']),
    default: 'balanced',
    risk: 'Medium',
    scope: 'ingress',
    description: 'Whether sessions may move when endpoints come (balanced) or not (persistent).',
  }),
  ...sessionCookieTable,
};

type Table = typeof table;

/** Chooses endpoints: by algorithm, by a hash of the request, or by a cookie. */
export const balancing = definePlugin({
  name: 'balancing',
  order: 250,
  annotations: table,
  upstream(context) {
    const { members, capabilities } = context;
    const differences = members.flatMap(tellUnsupported);
    const sticky = firstAsking(members, 'affinity', ({ settings }) => settings.affinity);
    if (sticky.first !== null) {
      const { member } = sticky.first;
      const byNginx = isByNginx(member.settings, capabilities);
      differences.push(...members.flatMap((each) => tellOtherCookie(each, member, byNginx)));
      differences.push(...tellOverruled(context, member, byNginx));
      return stickyUpstream(member, byNginx, differences);
    }
    const text = decide(
      context,
      'upstream-hash-by',
      ({ settings }) => settings['upstream-hash-by'],
      differences,
    );
    const chosen = decide(context, 'load-balance', ({ settings }) => settings['load-balance'], differences);
    const algorithm = chosen ?? algorithmOf(context.options['load-balance']);
    const hash = text === null ? null : requestTextExpression(text);
    const method = hash === null ? methods[algorithm] : null;
    return {
      ...((hash !== null || method !== null) && { upstream: { method, hash, sticky: null } }),
      zone: isShared(method),
      differences,
    };
  },
  route({ settings, capabilities, path }) {
    if (settings.affinity === null) {
      return {};
    }
    // nginx sets the cookie itself, and has one for the whole upstream.
    if (isByNginx(settings, capabilities)) {
      return { session: { ...sessionCookie(settings), conditional: false } };
    }
    const session = sessionCookie(settings, path);
    const cookie = ownCookie(session);
    const header = {
      name: headerName('Set-Cookie'),
      value: cookie.header.variable,
      always: true,
      replace: false,
    };
    return { session, location: { cookie }, responseHeaders: [header] };
  },
  http(used) {
    const cookies = used.map((settings) => settings['cookie'] as OwnCookie);
    const keys = distinct(cookies.map(({ key }) => key));
    const conditional = cookies.some((cookie) => cookie.conditional);
    return keys.length === 0
      ? null
      : { keys, headers: distinct(cookies.map(({ header }) => header)), conditional };
  },
});

/** The Service's own word holds, then that of the oldest Ingress; the others are told. */
function decide<V>(
  { service, members }: UpstreamContext<Table>,
  name: keyof Table,
  valueOf: (view: AnnotationView<Table>) => V,
  differences: Told[],
): V | null {
  const [oldest] = members.filter(({ closed }) => !closed);
  const decisive = service.given.includes(name) ? service : oldest;
  if (decisive === undefined) {
    return null;
  }
  const value = valueOf(decisive);
  for (const member of members) {
    const isOther = JSON.stringify(valueOf(member)) !== JSON.stringify(value);
    if (member.object !== decisive.object && member.given.includes(name) && isOther) {
      const message = `has no effect: ${decisive.object} decides for this Service`;
      differences.push({ object: member.object, reasons: [{ field: member.field(name) ?? '', message }] });
    }
  }
  return value;
}

function algorithmOf({ text }: Token<'keyword'>): Algorithm {
  return algorithms.find((each) => each === text) ?? 'round_robin';
}

/** Workers that count connections each for itself would all choose the same endpoint. */
function isShared(method: Method | null): boolean {
  return method !== null && (method.two || method.name.text === 'least_conn');
}

function tellUnsupported(member: MemberContext<Table>): Told[] {
  const { settings, field, object, given, capabilities } = member;
  const reasons: Told['reasons'][number][] = [];
  function tell(name: keyof Table, message: string): void {
    reasons.push({ field: field(name) ?? '', message });
  }
  const algorithm = settings['load-balance'];
  if (algorithm === 'ewma') {
    tell(
      'load-balance',
      'ewma is not in nginx: random two least_conn is used, which avoids busy endpoints too',
    );
  } else if (algorithm !== null && algorithm !== 'round_robin' && methods[algorithm] === null) {
    tell('load-balance', `${algorithm} needs upstream-hash-by or affinity: round_robin is used without`);
  }
  if (settings['upstream-hash-by-subset']) {
    tell('upstream-hash-by-subset', 'has no effect: the hash chooses one endpoint');
  }
  if (settings.affinity !== null && settings['upstream-hash-by'] !== null) {
    tell('upstream-hash-by', 'has no effect beside affinity');
  }
  const isChosen = settings['session-cookie-path'] !== null && settings['session-cookie-secure'];
  if (settings.affinity !== null && isByNginx(settings, capabilities) && !isChosen) {
    const name =
      settings['affinity-mode'] === 'persistent' ? 'affinity-mode' : 'session-cookie-change-on-failure';
    tell(
      name,
      'has a cookie of nginx: on every route to the Service, for the path / without session-cookie-path, and Secure only with session-cookie-secure',
    );
  }
  if (settings.affinity !== null && !capabilities.stickyCookie) {
    if (settings['affinity-mode'] === 'persistent') {
      tell('affinity-mode', 'needs nginx 1.29.6: sessions may move when endpoints come, as with balanced');
    }
    if (settings['session-cookie-change-on-failure']) {
      tell(
        'session-cookie-change-on-failure',
        'needs nginx 1.29.6: a retry goes to another endpoint, and the cookie stays as it is',
      );
    }
  } else if (
    given.includes('session-cookie-conditional-samesite-none') &&
    isByNginx(settings, capabilities)
  ) {
    tell(
      'session-cookie-conditional-samesite-none',
      'has no effect with affinity-mode persistent or session-cookie-change-on-failure: the cookie is alike for all browsers',
    );
  }
  return reasons.length === 0 ? [] : [{ object, reasons }];
}

/** nginx has one cookie for an upstream; where ours is hashed, its name alone has to be the same. */
function tellOtherCookie(
  member: MemberContext<Table>,
  first: MemberContext<Table>,
  byNginx: boolean,
): Told[] {
  const [own, other] = [sessionCookie(member.settings), sessionCookie(first.settings)];
  const isSame = byNginx
    ? JSON.stringify(own) === JSON.stringify(other) && isByNginx(member.settings, member.capabilities)
    : own.name.text === other.name.text && !isByNginx(member.settings, member.capabilities);
  const message = `its affinity-mode and session-cookie-* have no effect: those of ${first.object} hold for this Service`;
  return isSame || member.settings.affinity === null
    ? []
    : [{ object: member.object, reasons: [{ field: member.field('affinity') ?? '', message }] }];
}

/** What chooses endpoints in another way does nothing where a cookie does. */
function tellOverruled(
  { members, service }: UpstreamContext<Table>,
  first: MemberContext<Table>,
  byNginx: boolean,
): Told[] {
  return [...members, service].flatMap((view): Told[] => {
    const isFirst = view.object === first.object;
    const names = (['upstream-hash-by', 'load-balance'] as const).filter(
      (name) =>
        view.given.includes(name) &&
        view.settings[name] !== null &&
        // Its own hash is told elsewhere; its algorithm gives clients without a cookie theirs, where nginx does that.
        !(isFirst && (name === 'upstream-hash-by' || byNginx)),
    );
    const reasons = names.map((name) => ({
      field: view.field(name) ?? '',
      message: `has no effect: ${isFirst ? 'its affinity' : `affinity of ${first.object}`} chooses endpoints of this Service by a cookie`,
    }));
    return reasons.length === 0 ? [] : [{ object: view.object, reasons }];
  });
}

function stickyUpstream(
  member: MemberContext<Table>,
  byNginx: boolean,
  differences: readonly Told[],
): UpstreamAdditions {
  const cookie = sessionCookie(member.settings);
  if (!byNginx) {
    const hash = ownCookie(cookie).key.variable;
    return { upstream: { method: null, hash, sticky: null }, differences };
  }
  const method = methods[member.settings['load-balance'] ?? 'round_robin'];
  const sticky = { name: cookie.name, parameters: stickyParameters(cookie) };
  return { upstream: { method, hash: null, sticky }, zone: isShared(method), differences };
}

/** By name, each once. */
function distinct<T extends { readonly name: Token<'identifier'> }>(items: readonly T[]): T[] {
  const found = new Map(items.map((item) => [item.name.text, item]));
  return [...found.values()].sort((a, b) => (a.name.text < b.name.text ? -1 : 1));
}
