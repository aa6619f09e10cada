import { flag, integer } from '../model/grammar.ts';
import type { Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { isHttpUrl, redirectTarget } from '../model/web-address.ts';
import { annotation, definePlugin, type RouteContext } from './plugin.ts';

/** Statuses with which nginx's `return` redirects; with others it sends the target as a page. */
const redirecting = [301, 302, 303, 307, 308];

const table = {
  'temporal-redirect': annotation<Token<'text'> | null>({
    ...redirectTarget,
    default: null,
    risk: 'Medium',
    onInvalid: 'reject',
    description: 'Redirects every request to this URL, with 302 unless temporal-redirect-code is set.',
  }),
  'temporal-redirect-code': statusRow('The status of temporal-redirect: 301, 302, 303 or 307.'),
  'permanent-redirect': annotation<Token<'text'> | null>({
    ...redirectTarget,
    default: null,
    risk: 'Medium',
    onInvalid: 'reject',
    description: 'Redirects every request to this URL, with 301 unless permanent-redirect-code is set.',
  }),
  'permanent-redirect-code': statusRow('The status of permanent-redirect: 301, 302, 303, 307 or 308.'),
  'relative-redirects': annotation({
    ...flag,
    default: false,
    onInvalid: 'reject',
    description: 'Leaves scheme and host out of redirects to paths.',
  }),
};

/** Answers with redirects, in place of any backend. As in ingress-nginx they come before that to HTTPS. */
export const redirect = definePlugin({
  name: 'redirect',
  order: 80,
  annotations: table,
  route(route) {
    const relative = route.settings['relative-redirects'];
    const differences: Reason[] = [];
    const target = route.catchAll ? null : targetOf(route, differences);
    if (target === null && !relative) {
      return { differences };
    }
    const [url, status] = target ?? [null, 0];
    return { location: { relative, url, status }, answers: url !== null, differences };
  },
});

/** The temporary redirect wins over the permanent one. */
function targetOf(
  { settings, field }: RouteContext<typeof table>,
  differences: Reason[],
): readonly [Token<'text'>, number] | null {
  const temporal = settings['temporal-redirect'];
  const permanent = settings['permanent-redirect'];
  if (temporal !== null && !isHttpUrl(temporal)) {
    const message = 'is no http or https URL: the route is not redirected; write the whole URL';
    differences.push({ field: field('temporal-redirect') ?? '', message });
    return null;
  }
  if (temporal !== null && permanent !== null) {
    const message = 'has no effect beside temporal-redirect: remove one of the two';
    differences.push({ field: field('permanent-redirect') ?? '', message });
  }
  if (temporal !== null) {
    const code = settings['temporal-redirect-code'];
    return [temporal, statusOf(code, 302, 307, field('temporal-redirect-code'), differences)];
  }
  if (permanent !== null) {
    const code = settings['permanent-redirect-code'];
    return [permanent, statusOf(code, 301, 308, field('permanent-redirect-code'), differences)];
  }
  return null;
}

function statusOf(
  code: number | null,
  usual: number,
  most: number,
  field: string | null,
  differences: Reason[],
): number {
  if (code === null || (redirecting.includes(code) && code <= most)) {
    return code ?? usual;
  }
  const allowed = redirecting.filter((status) => status <= most).join(', ');
  differences.push({
    field: field ?? '',
    message: `${code} is no status of such a redirect: ${usual} is used; write one of ${allowed}`,
  });
  return usual;
}

function statusRow(description: string): ReturnType<typeof annotation<number | null>> {
  return annotation<number | null>({
    ...integer(0, 999_999),
    default: null,
    onInvalid: 'reject',
    description,
  });
}
