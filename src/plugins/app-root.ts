import { parseRequestText, requestTextExpression, type RequestText } from '../model/request-text.ts';
import { refused, shown, whole, type Parsed } from '../model/token.ts';
import { token } from '../model/token.ts';
import { firstAsking } from './first-asking.ts';
import { annotation, definePlugin } from './plugin.ts';

const isRootPath = whole('[A-Za-z0-9._~/:-]*');

/** Redirects `/` of a host to where its application begins, whoever serves `/`. */
export const appRoot = definePlugin({
  name: 'app-root',
  order: 70,
  annotations: {
    'app-root': annotation<RequestText | null>({
      parse: parseRoot,
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
      server: { target: token('expression', `$scheme://$best_http_host${path.text}`) },
      differences,
    };
  },
});

function parseRoot(text: string): Parsed<RequestText> {
  const parsed = parseRequestText(text, {
    literal: isRootPath,
    allowed: 'an absolute path of letters, digits, "-", ".", "_", "~", "/" and ":"',
  });
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
