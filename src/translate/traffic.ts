import { parseObjectKey } from '../model/object-ref.ts';
import { token, whole, type Token } from '../model/token.ts';
import { file } from '../model/words.ts';
import type { Definition, HostPlan } from './hosts.ts';
import type { TranslateSettings } from './settings.ts';

/** Where nginx tells of each request, for the metrics; null where requests are not counted. */
export function trafficLogPath({ stateDir, traffic }: TranslateSettings): Token<'file'> | null {
  return traffic ? file(`${stateDir}/traffic/requests.log`) : null;
}

/** Stands where there is nothing to name. */
const none = '-';

/**
 * What a line of the traffic log says of the route that a request took: `host namespace ingress service port path`.
 * Names have no spaces, so the path is what comes last. A line says it in words, and not by a number, so that it can
 * be understood whichever configuration nginx had and whoever reads it. Null for what belongs to no Ingress.
 */
export function trafficRoutes({
  traffic,
}: TranslateSettings): (definition: Definition, host: HostPlan) => Token<'text'> | null {
  const known = new Map<Definition, Token<'text'> | null>();
  return (definition, host) => {
    let found = known.get(definition);
    if (found === undefined) {
      found = traffic ? describe(definition, traffic.perHost ? host : null) : null;
      known.set(definition, found);
    }
    return found;
  };
}

function describe({ owner, backend, path }: Definition, host: HostPlan | null): Token<'text'> | null {
  if (owner === null) {
    return null;
  }
  const service = backend?.service ?? null;
  const words = [
    host?.name?.text ?? none,
    owner.ref.namespace,
    owner.ref.name,
    service?.name ?? none,
    service === null ? none : portOf(service.port),
  ];
  return token('text', [...words.map(wordOf), path.text].join(' '));
}

/** The same for an Ingress whose canary takes requests of another one's route: `ingress service port`. */
export function trafficCanary(
  key: string,
  service: { readonly name: string; readonly port: Parameters<typeof portOf>[0] },
): Token<'text'> {
  const words = [parseObjectKey(key)?.name ?? none, service.name, portOf(service.port)];
  return token('text', words.map(wordOf).join(' '));
}

const isWord = whole('[!-~]{1,253}');

/** Files may have anything for a name: what is no word names nothing, and must not break the configuration of all. */
function wordOf(text: string): string {
  return isWord(text) ? text : none;
}

function portOf({ name, number }: { readonly name: string | null; readonly number: number | null }): string {
  return name ?? (number === null ? none : String(number));
}
