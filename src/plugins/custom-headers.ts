import { textOf } from '../model/grammar.ts';
import { parseSetHeader, sameHeader } from '../model/header.ts';
import type { ResponseHeader } from '../model/model.ts';
import { refused, type Parsed } from '../model/token.ts';
import { parseText } from '../model/words.ts';
import type { FoundConfigMap } from './context.ts';
import { annotation, definePlugin, type IngressContext } from './plugin.ts';

const table = {
  'custom-headers': annotation<string | null>({
    ...textOf({
      name: 'ConfigMap',
      pattern: '[A-Za-z0-9._~/:-]+',
      fault: 'does not name a ConfigMap',
      allowed: 'namespace/name',
      samples: ['default/headers'],
    }),
    default: null,
    risk: 'Medium',
    description:
      'The ConfigMap (namespace/name) whose entries are headers of answers. The option global-allowed-response-headers must list them.',
  }),
};

/** Adds headers to answers, in the place of those of the backend. */
export const customHeaders = definePlugin({
  name: 'custom-headers',
  order: 270,
  annotations: table,
  routes(route) {
    const named = route.settings['custom-headers'];
    if (named === null) {
      return {};
    }
    const field = route.field('custom-headers') ?? '';
    const found = route.configMap(named, 'full');
    const headers = refused(found) ? found : headersOf(found.value, route);
    return refused(headers)
      ? { unavailable: [{ field, message: `${headers.error}; the routes answer 503` }] }
      : { responseHeaders: headers.value };
  },
});

/** Sorted by name. */
function headersOf(
  { key, data }: FoundConfigMap,
  { options }: IngressContext<typeof table>,
): Parsed<ResponseHeader[]> {
  const allowed = options['global-allowed-response-headers'];
  const headers: ResponseHeader[] = [];
  for (const text of Object.keys(data).sort()) {
    const name = parseSetHeader(text);
    const value = parseText((data[text] ?? '').trim());
    if (refused(name)) {
      return { error: `${key}: ${name.error}` };
    }
    if (refused(value)) {
      return { error: `${key} ${name.value.text}: ${value.error}` };
    }
    if (!allowed.some((each) => sameHeader(each, name.value))) {
      return {
        error: `${key}: ${name.value.text} is not among the headers that the option global-allowed-response-headers lists`,
      };
    }
    headers.push({ name: name.value, value: value.value, always: true, replace: true });
  }
  return { value: headers };
}
