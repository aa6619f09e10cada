import { described, type Grammar } from './grammar.ts';
import { refused, shown, token, whole, type Parsed, type Token } from './token.ts';
import { pattern } from './value-type.ts';
import { parseText } from './words.ts';

/** Without `$`, quotes, braces and `;`: no variable, no regex but the plainest. */
const isDomainWord = whole('[A-Za-z0-9._~/:-]{1,500}');
const isPathWord = whole('[A-Za-z0-9._~/:,?&=-]{1,500}');

/** A "?" that follows nothing, or two others, is no regular expression. */
const pathWordPattern =
  '(?:~(?:[A-Za-z0-9._~/:,&=-]\\?{0,2})*|[A-Za-z0-9._/:,&=-]\\?{0,2}(?:[A-Za-z0-9._~/:,&=-]\\?{0,2})*)';

/** What a redirect begins with, or what stands for it. */
export const redirectWord: Grammar<Token<'text'>> = described(parseWord, {
  name: 'URL',
  allowed: 'a URL or path of letters, digits and - . _ ~ / : , ? & =',
  shape: pattern(pathWordPattern, { longest: 500 }),
  exact: true,
  samples: ['off', 'default', 'http://backend/'],
});

/** `off`, or what is looked for and what stands for it afterwards. */
export type Change = 'off' | { readonly from: Token<'text'>; readonly to: Token<'text'> };

/** What becomes of the domain of cookies. */
export const cookieDomain: Grammar<Change> = described(
  (text) => parseChange(text, isDomainWord, 'letters, digits and - . _ ~ / :'),
  {
    name: 'two words',
    allowed: 'off, or two words of letters, digits and - . _ ~ / :, separated by a space',
    shape: pattern('off|[A-Za-z0-9._~/:-]{1,500} +[A-Za-z0-9._~/:-]{1,500}'),
    samples: ['off', 'backend.internal example.com'],
  },
);

/** What becomes of the path of cookies. */
export const cookiePath: Grammar<Change> = described(
  (text) => parseChange(text, isPathWord, 'letters, digits and - . _ ~ / : , ? & ='),
  {
    name: 'two words',
    allowed: 'off, or two words of letters, digits and - . _ ~ / : , ? & =, separated by a space',
    shape: pattern(`off|${pathWordPattern} +[A-Za-z0-9._~/:,?&=-]{1,500}`),
    samples: ['off', '/old/ /new/'],
  },
);

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
