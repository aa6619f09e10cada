import { described } from '../model/grammar.ts';
import { parseHost } from '../model/host.ts';
import { parseServerRegex } from '../model/path-regex.ts';
import { literally } from '../model/regex.ts';
import { refused, token, type Parsed, type Token } from '../model/token.ts';
import { listPattern, pattern } from '../model/value-type.ts';
import type { HostToken, ServerAlias } from './additions.ts';
import { annotation, definePlugin } from './plugin.ts';
import { firstAsking } from './first-asking.ts';

type Name = HostToken | Token<'regex'>;

const mostAliases = 100;

const labelPattern = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';

/** Gives a host further names. Names that Ingresses have rules for stay theirs. */
export const serverAlias = definePlugin({
  name: 'server-alias',
  order: 50,
  annotations: {
    'server-alias': annotation<readonly Name[] | null>({
      ...described(parseAliases, {
        name: 'list of hosts',
        allowed: 'DNS names separated by commas, *.name for all names below, or "~" and a regular expression',
        shape: pattern(listPattern(`~[^,]+|(?:\\*?\\.)?${labelPattern}(?:\\.${labelPattern})*`, 0)),
        samples: ['a.example.com, *.b.example.com', '~^api[0-9]+\\.example\\.com$'],
      }),
      default: null,
      risk: 'High',
      scope: 'server',
      onInvalid: 'reject',
      inLastGood: 'common',
      description:
        'Further names of the host, separated by commas: DNS names, *.name for all below, ~ and a regex.',
    }),
  },
  server({ host, members }) {
    const { first, differences } = firstAsking(
      members,
      'server-alias',
      ({ settings }) => settings['server-alias'],
    );
    if (first === null || host === null) {
      return { differences };
    }
    const { object } = first.member;
    const field = first.member.field('server-alias') ?? '';
    return {
      aliases: first.value.map((name): ServerAlias => ({ name, object, field })),
      differences,
    };
  },
});

function parseAliases(text: string): Parsed<readonly Name[]> {
  const names = new Map<string, Name>();
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length > mostAliases) {
    return { error: `has ${items.length} names: at most ${mostAliases} are allowed` };
  }
  for (const item of items) {
    const parsed = parseAlias(item);
    if (refused(parsed)) {
      return parsed;
    }
    for (const name of parsed.value) {
      names.set(name.text, name);
    }
  }
  return { value: [...names.values()] };
}

/**
 * As nginx reads them: `*.name` is all names below it, `.name` the name too. One label below is compared with the hosts
 * of rules; what lies deeper is a regex, which comes after them: nginx's own wildcard would take their requests.
 */
function parseAlias(item: string): Parsed<readonly Name[]> {
  if (item.startsWith('~')) {
    const regex = parseServerRegex(item.slice(1));
    return refused(regex) ? regex : { value: [token('regex', regex.value.text)] };
  }
  const names = item.startsWith('.') ? [item.slice(1), `*${item}`] : [item];
  const found: Name[] = [];
  for (const name of names) {
    const parsed = parseHost(name);
    if (refused(parsed)) {
      return parsed;
    }
    found.push(parsed.value);
    if (parsed.value.token === 'wildcard-host') {
      const below = literally(parsed.value.text.slice('*.'.length));
      found.push(token('regex', `^(?:[^.]+[.]){2,}${below}$`));
    }
  }
  return { value: found };
}
