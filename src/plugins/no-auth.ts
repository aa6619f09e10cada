import { token, type Token } from '../model/token.ts';

/** ingress-nginx's `no-auth-locations`: certificate authorities cannot log in. */
const openPaths: readonly Token<'path'>[] = [token('path', '/.well-known/acme-challenge')];

/** Whether the path of a rule is one that needs no login: such a path itself, or one below it. */
export function isWithoutAuth(path: Token<'path'>, open: readonly Token<'path'>[] = openPaths): boolean {
  return open.some(({ text }) => path.text === text || path.text.startsWith(`${text.replace(/\/$/u, '')}/`));
}
