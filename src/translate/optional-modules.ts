import type { Capabilities } from '../model/capabilities.ts';
import type { SecRules } from '../model/model.ts';
import { moduleRemedy, type OptionalModule } from '../model/optional-module.ts';
import type { Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { file } from '../model/words.ts';
import type { Options } from '../options/options.ts';
import { optionField } from '../options/read-options.ts';

/** The modules to load: those that an option or an addition asks for. `plugins` are the names of those with additions. */
export function optionalModulesToLoad(
  { modules }: Capabilities,
  options: Options,
  plugins: ReadonlySet<string>,
): Token<'file'>[] {
  const needed: Readonly<Record<OptionalModule, boolean>> = {
    modsecurity: options['enable-modsecurity'] || plugins.has('modsecurity'),
    brotli: options['enable-brotli'],
  };
  return Object.entries(modules).flatMap(([name, form]) =>
    typeof form === 'object' && needed[name as OptionalModule] ? [file(form.modulePath)] : [],
  );
}

/** What all requests are held to. Null where the option is off, or cannot be followed. */
export function globalSecRules(options: Options, capabilities: Capabilities): SecRules | null {
  const { modules, secRulesPath, coreRules } = capabilities;
  if (!options['enable-modsecurity'] || modules.modsecurity === 'absent') {
    return null;
  }
  const rules = options['modsecurity-snippet'];
  const own = rules === null && secRulesPath !== null ? [secRulesPath] : [];
  const core = options['enable-owasp-modsecurity-crs'] ? coreRules : [];
  return { rules, files: [...own, ...core].map((path) => file(path)) };
}

/** What of the options this nginx cannot do: `closing` is of those that protect. */
export function withoutModules(
  options: Options,
  { modules, secRulesPath, coreRules }: Capabilities,
): { readonly closing: readonly Reason[]; readonly reasons: readonly Reason[] } {
  const closing: Reason[] = [];
  const reasons: Reason[] = [];
  function close(name: string, why: string): void {
    closing.push({
      field: optionField(name),
      message: `${why}: every route answers 503 rather than go unprotected`,
    });
  }
  if (options['enable-modsecurity']) {
    if (modules.modsecurity === 'absent') {
      close('enable-modsecurity', moduleRemedy.modsecurity);
    } else if (options['modsecurity-snippet'] === null && secRulesPath === null) {
      close(
        'enable-modsecurity',
        'nginx has no /etc/nginx/modsecurity/modsecurity.conf, and there is no modsecurity-snippet',
      );
    } else if (options['enable-owasp-modsecurity-crs'] && coreRules.length === 0) {
      close(
        'enable-owasp-modsecurity-crs',
        'nginx has no /etc/nginx/owasp-modsecurity-crs/nginx-modsecurity.conf',
      );
    }
  } else if (options['enable-owasp-modsecurity-crs'] || options['modsecurity-snippet'] !== null) {
    const name = options['enable-owasp-modsecurity-crs']
      ? 'enable-owasp-modsecurity-crs'
      : 'modsecurity-snippet';
    reasons.push({ field: optionField(name), message: 'has no effect without enable-modsecurity' });
  }
  if (options['enable-brotli'] && modules.brotli === 'absent') {
    reasons.push({ field: optionField('enable-brotli'), message: `has no effect: ${moduleRemedy.brotli}` });
  }
  return { closing, reasons };
}
