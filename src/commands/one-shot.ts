import { resolve } from 'node:path';
import { readManifests, type ReadManifests } from '../cluster/manifests/read-manifests.ts';
import { createStore } from '../cluster/store.ts';
import type { GatewayConfig } from '../config/sections.ts';
import { gatewayError, isGatewayError } from '../errors.ts';
import type { Ledger } from '../extensions/ledger.ts';
import { findInstallation } from '../installation.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { SecretValue } from '../model/secret-value.ts';
import { capabilityPresets, detectCapabilities } from '../nginx/capabilities.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import { Marker, markerMemory } from '../plugins/user/marker.ts';
import { readTemplates } from '../render/template-files.ts';
import { watchIntrinsics } from '../worker/intrinsics.ts';
import { Kits } from '../worker/kits.ts';
import type { Pipeline } from '../worker/pipeline.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import { readExtensions } from './extensions.ts';
import type { TranslateSettings } from '../translate/settings.ts';
import { translateSettings } from './settings.ts';

/** A build without a running gateway, for `render` and `check`. */
export interface OneShot {
  readonly manifests: ReadManifests;
  readonly pipeline: Pipeline;
  readonly plugins: PluginRegistry;
  readonly snapshot: Snapshot;
  /** What the operator adds. */
  readonly extensions: Ledger;
}

/** What a build needs of the machine. */
export interface OneShotMachine {
  readonly stateDir: string;
  readonly capabilities: Capabilities;
  readonly defaultCertificate: SecretValue;
}

/**
 * Reads the manifests once and makes what builds from them.
 * @throws GatewayError CNG_TEMPLATE_BROKEN, CNG_TEMPLATE_UNREADABLE, CNG_PLUGIN_BROKEN
 */
export async function openOneShot(config: GatewayConfig, machine: OneShotMachine): Promise<OneShot> {
  const manifests = await readManifests(config.kubernetes.manifests.map((path) => resolve(path)));
  const store = createStore();
  const findings = new Map([['manifests', manifests.findings]]);
  store.apply({ set: manifests.objects, deleted: [], findings });
  const snapshot = store.snapshot();
  const settings = await translateSettings(config, machine.stateDir, 'manifests');
  return { manifests, snapshot, ...(await openPipeline(config, settings, snapshot, machine)) };
}

/**
 * Makes what builds from a snapshot, with the plugins and templates of the config.
 * @throws GatewayError CNG_TEMPLATE_BROKEN, CNG_TEMPLATE_UNREADABLE, CNG_PLUGIN_BROKEN
 */
export async function openPipeline(
  config: GatewayConfig,
  settings: TranslateSettings,
  snapshot: Snapshot,
  machine: Omit<OneShotMachine, 'stateDir'>,
): Promise<Pick<OneShot, 'pipeline' | 'plugins' | 'extensions'>> {
  const extensions = await readExtensions(config, snapshot);
  const kits = new Kits({
    settings,
    capabilities: machine.capabilities,
    defaultCertificate: { pem: machine.defaultCertificate },
    builtinTemplates: await readTemplates(findInstallation().templates),
    disabledPlugins: config.plugins.disabled,
    marker: new Marker(markerMemory()),
    changedIntrinsic: watchIntrinsics(),
  });
  // What is wrong with the ConfigMap as such is told on it, as `run` does.
  const [trouble] = extensions.troubles().filter(({ file }) => !file.startsWith('ConfigMap/'));
  if (trouble !== undefined) {
    const { file, line, message: reason } = trouble;
    throw line === null
      ? gatewayError('CNG_TEMPLATE_UNREADABLE', { path: file, reason })
      : gatewayError('CNG_TEMPLATE_BROKEN', { template: file, line, reason });
  }
  const { pipeline, plugins } = await kits.get({ units: extensions.choose().units, missing: [] });
  return { pipeline, plugins, extensions };
}

/** What the installed nginx can do; null where there is none. */
export async function installedNginx(binary: string): Promise<Capabilities | null> {
  try {
    return await detectCapabilities({ binary });
  } catch (error) {
    if (isGatewayError(error, 'CNG_NGINX_NOT_FOUND')) {
      return null;
    }
    throw error;
  }
}

/** Stands in where no nginx is installed: the newest that the gateway knows. */
export const assumedCapabilities: Capabilities = capabilityPresets['1.30'];
