import { described } from '../../model/grammar.ts';
import { shown, type Parsed } from '../../model/token.ts';
import type { Reason } from '../../model/verdict.ts';
import { nearest } from '../../model/nearest.ts';
import { annotation, definePlugin, type Plugin } from '../plugin.ts';
import { picksAnnotation, picksName } from './names.ts';

/** More on one route are a mistake. */
const mostPicks = 32;

/** Users' plugins by name: usable ones, and why the others are not. */
export interface UserPlugins {
  readonly usable: readonly Plugin[];
  readonly missing: ReadonlyMap<string, string>;
}

export const noUserPlugins: UserPlugins = { usable: [], missing: new Map() };

/**
 * A route that names a plugin which is not there answers 503: nobody but its author knows whether it would have kept
 * somebody out.
 */
export function picksOf({ usable, missing }: UserPlugins): Plugin {
  const names = new Set(usable.map(({ name }) => name));
  return definePlugin({
    name: picksName,
    order: 0,
    annotations: {
      [picksAnnotation]: annotation<readonly string[]>({
        ...described(parsePicks, {
          name: 'list of plugins',
          allowed: 'names of plugins, separated by commas',
          samples: ['my-plugin'],
        }),
        default: [],
        onInvalid: 'deny',
        protective: true,
        description: "Names of users' plugins for the routes, in their order, separated by commas.",
      }),
    },
    ingress({ settings, field }) {
      const deny: Reason[] = [];
      for (const name of settings[picksAnnotation] ?? []) {
        if (!names.has(name)) {
          deny.push({ field: field(picksAnnotation) ?? '', message: whyMissing(name, names, missing) });
        }
      }
      return { deny };
    },
  });
}

function whyMissing(name: string, names: ReadonlySet<string>, missing: ReadonlyMap<string, string>): string {
  const reason = missing.get(name);
  if (reason !== undefined) {
    return `names plugin ${name}, which cannot be used: ${reason}; the routes answer 503`;
  }
  const near = nearest(name, names);
  const hint = near === null ? 'add it to plugins.directory or remove it here' : `did you mean ${near}?`;
  return `names plugin ${shown(name)}, which is not there: the routes answer 503; ${hint}`;
}

function parsePicks(text: string): Parsed<readonly string[]> {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length > mostPicks) {
    return { error: `names ${names.length} plugins: at most ${mostPicks} are allowed` };
  }
  return { value: [...new Set(names)] };
}
