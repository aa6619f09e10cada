import { choice, described } from '../model/grammar.ts';
import { passwordFileOf, readPasswordFile, type PasswordFile } from '../model/password-file.ts';
import { headerName } from '../model/header.ts';
import { refused, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { pattern } from '../model/value-type.ts';
import { expression } from '../model/words.ts';
import type { FoundSecret } from './context.ts';
import { isWithoutAuth, tellWithAuth } from './no-auth.ts';
import { annotation, definePlugin } from './plugin.ts';

type AuthType = 'basic' | 'digest';
type SecretForm = 'auth-file' | 'auth-map';

/** The key of a Secret that holds a password file. */
const fileKey = 'auth';

const isRealm = whole('[A-Za-z0-9._~/: -]{0,200}');

/** Asks for a user and a password (RFC 7617), which the backend does not see. */
export const basicAuth = definePlugin({
  name: 'basic-auth',
  order: 420,
  annotations: {
    'auth-type': annotation<AuthType | null>({
      ...choice<AuthType>(['basic', 'digest']),
      default: null,
      onInvalid: 'reject',
      protective: true,
      description: 'basic asks for a user and a password.',
    }),
    'auth-secret': annotation<string | null>({
      ...described((text) => ({ value: text.trim() }), {
        name: 'Secret',
        allowed: 'the name of a Secret, alone or as namespace/name',
        samples: ['users'],
      }),
      default: null,
      risk: 'Medium',
      onInvalid: 'deny',
      protective: true,
      description: 'The Secret with the users, in the namespace of the Ingress.',
    }),
    'auth-secret-type': annotation<SecretForm>({
      ...choice<SecretForm>(['auth-file', 'auth-map']),
      default: 'auth-file',
      onInvalid: 'reject',
      protective: true,
      description: `auth-file: the Secret has a password file under the key ${fileKey}; auth-map: a hash under each user.`,
    }),
    'auth-realm': annotation<Token<'text'>>({
      ...described(parseRealm, {
        name: 'text',
        allowed: 'letters, digits, spaces and - . _ ~ / :, and not "off"',
        shape: pattern('[A-Za-z0-9._~/: -]{0,200}', { trims: false, without: ['^off$'] }),
        exact: true,
        samples: ['Members only'],
      }),
      default: token('text', ''),
      risk: 'Medium',
      onInvalid: 'reject',
      protective: true,
      description: 'What the browser shows when it asks.',
    }),
  },
  route(context) {
    const { settings, given, field, path, options } = context;
    const name = settings['auth-secret'];
    const wanted = settings['auth-type'];
    if (wanted === null && name === null) {
      const differences = given.map((each) => ({
        field: field(each) ?? '',
        message: 'has no effect without auth-type and auth-secret: set them, or remove it',
      }));
      return { differences };
    }
    if (isWithoutAuth(path, options)) {
      return {};
    }
    const typeField = field('auth-type') ?? field('auth-secret') ?? '';
    if (wanted !== 'basic') {
      const message =
        wanted === null
          ? 'protects nothing without auth-type: the routes answer 503; set auth-type to basic, or remove it'
          : 'digest needs a module that nginx does not have: the routes answer 503; use basic';
      return { unavailable: [{ field: typeField, message }] };
    }
    const secretField = field('auth-secret') ?? typeField;
    const found: Parsed<FoundSecret> =
      name === null ? { error: 'auth-type needs auth-secret: name a Secret' } : context.secret(name);
    const users = refused(found) ? found : readUsers(found.value, settings['auth-secret-type']);
    if (refused(users)) {
      const message = `${users.error}; until then the routes answer 503`;
      return { unavailable: [{ field: secretField, message }] };
    }
    const { content, problems } = users.value;
    if (refused(found) || content === null) {
      throw new TypeError('users come from a Secret and are not none');
    }
    const objects = [found.value.key];
    const file = context.file({ folder: 'auth', content, extension: 'htpasswd', objects });
    return {
      location: { realm: settings['auth-realm'], file },
      requestHeaders: [{ name: headerName('Authorization'), value: expression`` }],
      differences: [
        ...problems.map((problem) => ({ field: secretField, message: `${found.value.key}: ${problem}` })),
        ...tellWithAuth(path, options, typeField),
      ],
    };
  },
  proves: () => ['auth_basic', 'auth_basic_user_file'],
});

/** The users of a Secret; none at all is an error. */
function readUsers({ key, data }: FoundSecret, form: SecretForm): Parsed<PasswordFile> {
  if (form === 'auth-map') {
    const users = passwordFileOf(data);
    return users.content === null ? nobody(key, 'store a hash under each user', users) : { value: users };
  }
  const text = Object.hasOwn(data, fileKey) ? data[fileKey] : undefined;
  if (text === undefined) {
    return { error: `${key} has no key ${fileKey}: store there what htpasswd writes` };
  }
  const users = readPasswordFile(text.reveal());
  return users.content === null
    ? nobody(key, `store what htpasswd writes under ${fileKey}`, users)
    : { value: users };
}

function nobody(key: string, remedy: string, { problems }: PasswordFile): { readonly error: string } {
  const why = problems.length === 0 ? '' : ` (${problems.slice(0, 3).join('; ')})`;
  return { error: `${key} names no user${why}: ${remedy}` };
}

function parseRealm(text: string): Parsed<Token<'text'>> {
  if (!isRealm(text)) {
    return { error: `${shown(text)} is not allowed: write letters, digits, spaces and - . _ ~ / :` };
  }
  // To nginx this one realm means: ask nobody.
  return text === 'off'
    ? { error: '"off" would switch the authentication off: write another realm' }
    : { value: token('text', text) };
}
