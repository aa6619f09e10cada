import { described, flag } from '../model/grammar.ts';
import { moduleRemedy } from '../model/optional-module.ts';
import { requestText, requestTextExpression, type RequestText } from '../model/request-text.ts';
import { parseSecRules } from '../model/sec-rules.ts';
import type { Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { file } from '../model/words.ts';
import { annotation, definePlugin, type IngressContext } from './plugin.ts';

const protective = { protective: true, scope: 'ingress' } as const;

const table = {
  'enable-modsecurity': annotation<boolean | null>({
    ...flag,
    default: null,
    ...protective,
    onInvalid: 'deny',
    description: 'Has ModSecurity look at requests, or not where the option of this name has it look at all.',
  }),
  'enable-owasp-core-rules': annotation({
    ...flag,
    default: false,
    ...protective,
    onInvalid: 'deny',
    description: 'Adds the OWASP Core Rule Set that lies beside nginx.',
  }),
  'modsecurity-transaction-id': annotation<RequestText | null>({
    ...requestText({
      name: 'text',
      characters: 'A-Za-z0-9_-',
      allowed: 'variables of the request such as $request_id, letters, digits, "-" and "_"',
      samples: ['$request_id', 'shop-$req_id'],
    }),
    default: null,
    risk: 'High',
    scope: 'ingress',
    description: 'Names a request in the log of ModSecurity.',
  }),
  'modsecurity-snippet': annotation<Token<'snippet'> | null>({
    ...described((text) => parseSecRules(text, 'ingress'), {
      name: 'rules',
      allowed: 'rules of ModSecurity that neither name files nor run programs',
      samples: ['SecRuleEngine On'],
    }),
    default: null,
    risk: 'Critical',
    ...protective,
    onInvalid: 'reject',
    description: 'Rules of ModSecurity in the place of those that lie beside nginx.',
  }),
};

type Context = IngressContext<typeof table>;

/** ModSecurity, where nginx has it: it is a module of its own. Fails closed. */
export const modsecurity = definePlugin({
  name: 'modsecurity',
  order: 30,
  annotations: table,
  ingress(context) {
    const { settings, field, given } = context;
    const deny: Reason[] = [];
    const differences: Reason[] = [];
    if (isOn(context)) {
      const fault = faultOf(context);
      if (fault !== null) {
        deny.push({
          field: field(fault.name) ?? field('enable-modsecurity') ?? 'metadata.annotations',
          message: `${fault.message}: the routes answer 503 rather than go unprotected`,
        });
      }
      return { deny, differences };
    }
    if (settings['enable-owasp-core-rules']) {
      const message =
        'protects nothing without enable-modsecurity: the routes answer 503; set it to "true", or remove this';
      deny.push({ field: field('enable-owasp-core-rules') ?? '', message });
    }
    for (const name of given) {
      if (name === 'modsecurity-snippet' || name === 'modsecurity-transaction-id') {
        differences.push({ field: field(name) ?? '', message: 'has no effect without enable-modsecurity' });
      }
    }
    return { deny, differences };
  },
  routes(context) {
    const { settings, options, capabilities } = context;
    const everywhere = options['enable-modsecurity'];
    if (!isOn(context)) {
      return everywhere ? { location: { off: true } } : {};
    }
    const { secRulesPath, coreRules } = capabilities;
    const rules = settings['modsecurity-snippet'];
    const id = settings['modsecurity-transaction-id'];
    const own = rules === null && !everywhere && secRulesPath !== null ? [secRulesPath] : [];
    const core =
      settings['enable-owasp-core-rules'] && !(everywhere && options['enable-owasp-modsecurity-crs'])
        ? coreRules
        : [];
    const files = [...own, ...core].map((path) => file(path));
    return everywhere && rules === null && id === null && files.length === 0
      ? {}
      : {
          location: {
            off: false,
            on: !everywhere,
            rules,
            files,
            id: id === null ? null : requestTextExpression(id),
          },
        };
  },
  proves: (_slot, settings) => (settings['on'] === true ? ['modsecurity'] : []),
});

function isOn({ settings, options }: Context): boolean {
  return settings['enable-modsecurity'] ?? options['enable-modsecurity'];
}

/** Why what was asked for cannot be built; null where it can. */
function faultOf({
  settings,
  options,
  capabilities,
}: Context): { readonly name: keyof typeof table; readonly message: string } | null {
  const rules = settings['modsecurity-snippet'];
  if (capabilities.modules.modsecurity === 'absent') {
    return { name: 'enable-modsecurity', message: moduleRemedy.modsecurity };
  }
  if (rules !== null && !options['allow-snippet-annotations']) {
    return {
      name: 'modsecurity-snippet',
      message: 'snippets are switched off (option allow-snippet-annotations)',
    };
  }
  if (rules === null && !options['enable-modsecurity'] && capabilities.secRulesPath === null) {
    const message =
      'nginx has no /etc/nginx/modsecurity/modsecurity.conf, and there is no modsecurity-snippet';
    return { name: 'enable-modsecurity', message };
  }
  return settings['enable-owasp-core-rules'] && capabilities.coreRules.length === 0
    ? {
        name: 'enable-owasp-core-rules',
        message: 'nginx has no /etc/nginx/owasp-modsecurity-crs/nginx-modsecurity.conf',
      }
    : null;
}
