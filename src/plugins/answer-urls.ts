import { described, type Grammar } from '../model/grammar.ts';
import { pattern } from '../model/value-type.ts';
import { parseText } from '../model/words.ts';
import { refused, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { annotation, definePlugin } from './plugin.ts';

/** Without `$`, quotes, braces and `;`: no variable, no regex but the plainest. */
const isDomainWord = whole('[A-Za-z0-9._~/:-]{1,500}');
const isPathWord = whole('[A-Za-z0-9._~/:,?&=-]{1,500}');

/** A "?" that follows nothing, or two others, is no regular expression. */
const pathWordPattern =
  '(?:~(?:[A-Za-z0-9._~/:,&=-]\\?{0,2})*|[A-Za-z0-9._/:,&=-]\\?{0,2}(?:[A-Za-z0-9._~/:,&=-]\\?{0,2})*)';

const redirectWord: Grammar<Token<'text'>> = described(parseWord, {
  name: 'URL',
  allowed: 'a URL or path of letters, digits and - . _ ~ / : , ? & =',
  shape: pattern(pathWordPattern, { longest: 500 }),
  exact: true,
  samples: ['off', 'default', 'http://backend/'],
});

/** `off`, or what is looked for and what stands for it afterwards. */
type Change = 'off' | { readonly from: Token<'text'>; readonly to: Token<'text'> };

/** Corrects what backends say about their own address: domain and path of cookies, and redirects. */
export const answerUrls = definePlugin({
  name: 'answer-urls',
  order: 330,
  annotations: {
    'proxy-cookie-domain': annotation<Change>({
      ...described((text) => parseChange(text, isDomainWord, 'letters, digits and - . _ ~ / :'), {
        name: 'two words',
        allowed: 'off, or two words of letters, digits and - . _ ~ / :, separated by a space',
        shape: pattern('off|[A-Za-z0-9._~/:-]{1,500} +[A-Za-z0-9._~/:-]{1,500}'),
        samples: ['off', 'backend.internal example.com'],
      }),
      default: 'off',
      risk: 'Medium',
      description: 'Replaces the domain of cookies: off, or the domain of the backend and the one to show.',
    }),
    'proxy-cookie-path': annotation<Change>({
      ...described((text) => parseChange(text, isPathWord, 'letters, digits and - . _ ~ / : , ? & ='), {
        name: 'two words',
        allowed: 'off, or two words of letters, digits and - . _ ~ / : , ? & =, separated by a space',
        shape: pattern(`off|${pathWordPattern} +[A-Za-z0-9._~/:,?&=-]{1,500}`),
        samples: ['off', '/old/ /new/'],
      }),
      default: 'off',
      risk: 'Medium',
      description: 'Replaces the path of cookies: off, or the path of the backend and the one to show.',
    }),
    'proxy-redirect-from': annotation<Token<'text'> | null>({
      ...redirectWord,
      default: null,
      risk: 'Medium',
      description:
        'How redirects of the backend begin that are to be replaced; off and default replace none.',
    }),
    'proxy-redirect-to': annotation<Token<'text'> | null>({
      ...redirectWord,
      default: null,
      risk: 'Medium',
      description: 'What stands for the beginning of a replaced redirect.',
    }),
  },
  routes({ settings, given, field }) {
    if (given.length === 0) {
      return {};
    }
    const differences: Reason[] = [];
    const from = settings['proxy-redirect-from'];
    const to = settings['proxy-redirect-to'];
    const isFrom = from !== null && from.text !== 'off' && from.text !== 'default';
    const isTo = to !== null && to.text !== 'off';
    if (isFrom !== isTo) {
      const name = isFrom ? 'proxy-redirect-from' : 'proxy-redirect-to';
      const other = isFrom ? 'proxy-redirect-to' : 'proxy-redirect-from';
      const message = `has no effect without ${other}: set both, or neither`;
      differences.push({ field: field(name) ?? '', message });
    }
    const domain = settings['proxy-cookie-domain'];
    const path = settings['proxy-cookie-path'];
    return {
      location: {
        domain: domain === 'off' ? null : domain,
        path: path === 'off' ? null : path,
        redirect: isFrom && isTo ? { from, to } : null,
      },
      differences,
    };
  },
});

function parseChange(text: string, isWord: (word: string) => boolean, allowed: string): Parsed<Change> {
  const [from, to, ...rest] = text.trim().split(/ +/u);
  if (from === 'off' && to === undefined) {
    return { value: 'off' };
  }
  if (from === undefined || to === undefined || rest.length > 0 || ![from, to].every(isWord)) {
    const what = `write off, or two words of ${allowed}, separated by a space`;
    return { error: `${shown(text)} is not allowed: ${what}` };
  }
  const sound = soundPattern(from);
  return refused(sound) ? sound : { value: { from: sound.value, to: token('text', to) } };
}

function parseWord(text: string): Parsed<Token<'text'>> {
  const word = text.trim();
  if (!isPathWord(word)) {
    return {
      error: `${shown(text)} is not allowed: write a URL or path of letters, digits and - . _ ~ / : , ? & =`,
    };
  }
  return soundPattern(word);
}

/** To nginx a word that begins with `~` is a regular expression, and a wrong one keeps it from loading anything. */
function soundPattern(word: string): Parsed<Token<'text'>> {
  try {
    // Of the characters allowed only "?" has a meaning here, the same as in PCRE.
    RegExp(word.replace(/^~/u, ''), 'u');
  } catch {
    return { error: `${shown(word)} is not a sound regular expression: remove the "?" that follows nothing` };
  }
  return parseText(word);
}
