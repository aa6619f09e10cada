import type { Snapshot } from '../cluster/snapshot.ts';
import type { Capabilities } from '../model/capabilities.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import type { Reason } from '../model/verdict.ts';
import { defaultOptions, type Options } from '../options/options.ts';
import { optionField, readOptions, type GoodOptions } from '../options/read-options.ts';
import { externalAuth } from '../plugins/external-auth.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import { withoutModules } from './optional-modules.ts';
import type { VerdictCollector } from './verdicts.ts';

export interface OptionsInput {
  readonly snapshot: Snapshot;
  readonly settings: { readonly optionsConfigMap: string };
  readonly quarantine: ReadonlyMap<ObjectKey, Reason>;
  /** What was in force in the generation that nginx verifiably serves; null where there has been no such ConfigMap. */
  readonly lastGoodOptions: GoodOptions | null;
  readonly plugins: PluginRegistry;
  readonly capabilities: Capabilities;
}

/** The global options, and whose they are. */
export interface GlobalOptions {
  readonly options: Options;
  /** The ConfigMap; null where none is configured or it is missing. */
  readonly origin: ObjectKey | null;
  /** Null without a ConfigMap, and where every route is closed. */
  readonly inForce: GoodOptions | null;
  /** Why every route has to answer 503. */
  readonly closing: readonly Reason[];
}

const none = { options: defaultOptions, origin: null, inForce: null, closing: [] };

/** Reads the options ConfigMap, and tells what of it has no effect. A missing one is the defaults. */
export function globalOptions(input: OptionsInput, verdicts: VerdictCollector): GlobalOptions {
  const { snapshot, settings, quarantine, lastGoodOptions } = input;
  const [namespace = '', name = ''] = settings.optionsConfigMap.split('/');
  if (name === '') {
    return none;
  }
  const ref: ObjectRef = { kind: 'ConfigMap', namespace, name };
  const configMap = snapshot.configMaps.get(settings.optionsConfigMap);
  if (configMap === undefined) {
    const message = 'is missing: every option has its default (kubernetes.config_map)';
    verdicts.add(ref, 'served-with-difference', 'metadata.name', message);
    return none;
  }
  verdicts.use(ref);
  const key = objectKey(ref);
  const broken = quarantine.get(key);
  if (broken !== undefined) {
    verdicts.addAll(ref, 'quarantined', [broken]);
  }
  const reading = readOptions(configMap.data, lastGoodOptions, broken !== undefined);
  const without = withoutModules(reading.options, input.capabilities);
  const closing = [...reading.closing, ...withoutPlugin(reading.options, input.plugins), ...without.closing];
  verdicts.addAll(ref, 'served-with-difference', [
    ...reading.reasons,
    ...besides(reading.options),
    ...without.reasons,
  ]);
  verdicts.addAll(ref, 'rejected', closing);
  const inForce = closing.length === 0 ? reading.inForce : null;
  return { options: reading.options, origin: key, inForce, closing };
}

/** Options that are good each, and differ from ingress-nginx together. */
function besides(options: Options): Reason[] {
  const message =
    'beside use-proxy-protocol the address of the PROXY protocol holds, not that of X-Forwarded-For: nginx has one source of it';
  return options['use-forwarded-headers'] && options['use-proxy-protocol']
    ? [{ field: optionField('use-forwarded-headers'), message }]
    : [];
}

/** A check of all Ingresses whose plugin is switched off. */
function withoutPlugin(options: Options, plugins: PluginRegistry): Reason[] {
  const message =
    'needs the plugin external-auth, which is switched off (plugins.disabled): every route answers 503; remove one of them';
  return options['global-auth-url'] === null || plugins.get(externalAuth.name)?.route !== undefined
    ? []
    : [{ field: optionField('global-auth-url'), message }];
}
