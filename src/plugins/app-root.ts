import { described } from '../model/grammar.ts';
import {
  parseRequestText,
  requestTextExpression,
  requestTextType,
  rulesOf,
  variableParts,
  type RequestText,
} from '../model/request-text.ts';
import { refused, shown, type Parsed } from '../model/token.ts';
import { token } from '../model/token.ts';
import { pattern, type ValueType } from '../model/value-type.ts';
import { firstAsking } from './first-asking.ts';
import { annotation, definePlugin } from './plugin.ts';

const form = {
  name: 'path',
  characters: 'A-Za-z0-9._~/:-',
  allowed: 'an absolute path of letters, digits, "-", ".", "_", "~", "/" and ":"',
  samples: ['/app', '/app/$arg_tenant'],
};

/** "/" itself would lead to itself, and "//" to another host. */
const rootType: ValueType = {
  ...requestTextType(form),
  shape: pattern(`/(?:[A-Za-z0-9._~:-][${form.characters}]*)?(?:${variableParts(form)})*`, {
    longest: 1024,
    without: ['^/$'],
  }),
};

/** Redirects `/` of a host to where its application begins, whoever serves `/`. */
export const appRoot = definePlugin({
  name: 'app-root',
  order: 70,
  annotations: {
    'app-root': annotation<RequestText | null>({
      ...described(parseRoot, rootType),
      default: null,
      risk: 'Medium',
      scope: 'server',
      description: 'Redirects requests for / of the host to this path, with 302.',
    }),
  },
  server({ members }) {
    const { first, differences } = firstAsking(members, 'app-root', ({ settings }) => settings['app-root']);
    if (first === null) {
      return { differences };
    }
    const path = requestTextExpression(first.value);
    return {
      server: {
        target: token('expression', `$scheme://$best_http_host${path.text}`),
        origin: first.member.object,
      },
      differences,
    };
  },
});

function parseRoot(text: string): Parsed<RequestText> {
  const parsed = parseRequestText(text, rulesOf(form));
  if (refused(parsed)) {
    return parsed;
  }
  const [first] = parsed.value.parts;
  const begins = first !== undefined && 'literal' in first && /^\/(?!\/|$)|^\/$/u.test(first.literal);
  if (!begins || (parsed.value.parts.length === 1 && first.literal === '/')) {
    return { error: `${shown(text)} is no absolute path below "/": write for example /app` };
  }
  return parsed;
}
