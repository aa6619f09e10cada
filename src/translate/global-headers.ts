import type { Snapshot } from '../cluster/snapshot.ts';
import { mergeHeaders, parseSetHeader } from '../model/header.ts';
import type { HttpSettings, RequestHeader, ResponseHeader } from '../model/model.ts';
import { parseNginxText } from '../model/nginx-text.ts';
import { parseObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { refused } from '../model/token.ts';
import { optionField } from '../options/read-options.ts';
import type { NamedObject } from '../options/parsers.ts';
import { defaultRequestHeaders, defaultResponseHeaders } from './default-headers.ts';
import type { GlobalOptions } from './global-options.ts';
import type { VerdictCollector } from './verdicts.ts';

/** nginx writes them itself, whatever else is added. */
const ofNginx: ReadonlySet<string> = new Set(['server', 'date', 'content-type']);

type Headers = Pick<HttpSettings, 'requestHeaders' | 'responseHeaders'>;

/** The headers of all routes: those that always hold, and those of the ConfigMaps that options name. */
export function globalHeaders(
  global: GlobalOptions,
  snapshot: Snapshot,
  verdicts: VerdictCollector,
): Headers {
  const { options } = global;
  const request = readHeaders('proxy-set-headers', options['proxy-set-headers'], global, snapshot, verdicts);
  const response = readHeaders('add-headers', options['add-headers'], global, snapshot, verdicts);
  // Headers of snippets for all locations are headers for all: a line would take away those of the blocks around it.
  const snippets = [options['http-snippet'], options['server-snippet'], options['location-snippet']];
  return {
    requestHeaders: mergeHeaders(defaultRequestHeaders(options), [
      ...request,
      ...snippets.flatMap((snippet) => snippet?.requestHeaders ?? []),
    ]),
    responseHeaders: mergeHeaders<ResponseHeader>(defaultResponseHeaders(options), [
      // As ingress-nginx, which sets headers on every answer and replaces what the backend sends.
      ...response.map((header) => ({ ...header, always: true, replace: true })),
      ...snippets.flatMap((snippet) => snippet?.responseHeaders ?? []),
    ]),
  };
}

/** One header for each entry of a ConfigMap, by name. Bad entries are left out and told. */
function readHeaders(
  option: string,
  named: NamedObject | null,
  { origin }: GlobalOptions,
  snapshot: Snapshot,
  verdicts: VerdictCollector,
): RequestHeader[] {
  if (named === null) {
    return [];
  }
  const ref: ObjectRef = { kind: 'ConfigMap', ...named };
  const configMap = snapshot.configMaps.get(`${named.namespace}/${named.name}`);
  if (configMap === undefined) {
    const owner = origin === null ? null : parseObjectKey(origin);
    const message = `names ConfigMap ${named.namespace}/${named.name}, which is missing: no headers are set`;
    verdicts.add(owner ?? ref, 'served-with-difference', optionField(option), message);
    return [];
  }
  verdicts.use(ref);
  return Object.keys(configMap.data)
    .sort()
    .flatMap((key): RequestHeader[] => {
      const name = parseSetHeader(key);
      const value = parseNginxText((configMap.data[key] ?? '').trim());
      if (!refused(name) && !refused(value)) {
        if (option === 'add-headers' && ofNginx.has(name.value.text.toLowerCase())) {
          const message = 'stands beside the header of nginx of this name, which cannot be replaced';
          verdicts.add(ref, 'served-with-difference', optionField(key), message);
        }
        return [{ name: name.value, value: value.value }];
      }
      const [error] = [name, value].flatMap((parsed) => ('error' in parsed ? [parsed.error] : []));
      verdicts.add(ref, 'served-with-difference', optionField(key), `${error}; the header is left out`);
      return [];
    });
}
