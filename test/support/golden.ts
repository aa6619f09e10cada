import path from 'node:path';
import { readManifests } from '../../src/cluster/manifests/read-manifests.ts';
import type { Snapshot } from '../../src/cluster/snapshot.ts';
import { createStore } from '../../src/cluster/store.ts';
import { findInstallation } from '../../src/installation.ts';
import type { Capabilities } from '../../src/model/capabilities.ts';
import { SecretValue } from '../../src/model/secret-value.ts';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import { readTemplates } from '../../src/render/template-files.ts';
import { compileTemplates } from '../../src/render/templates.ts';
import type { TranslateSettings } from '../../src/translate/settings.ts';
import { Pipeline, type Built } from '../../src/worker/pipeline.ts';

/** The moment at which golden data are made: certificates in them are dated around it. */
export const goldenNow = Date.UTC(2026, 10, 22);

/** A certificate for nobody, so that golden data name a file that never changes. */
export const goldenCertificate = new SecretValue(`-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUGOLDENgoldenGOLDENgoldenGOLDENQwCgYIKoZIzj0E
-----END CERTIFICATE-----
`);

/** Settings like those of `run` on manifests. */
export function settingsFor(stateDir: string, more: Partial<TranslateSettings> = {}): TranslateSettings {
  return {
    source: 'manifests',
    ingressClass: 'nginx',
    controllerClass: 'cloud-native-gateway/nginx',
    watchIngressWithoutClass: false,
    ingressClassByName: false,
    disableCatchAll: false,
    disableSvcExternalName: false,
    namespace: '',
    namespaceSelector: { requirements: [] },
    annotationsPrefix: 'nginx.ingress.kubernetes.io',
    optionsConfigMap: '',
    defaultBackendService: '',
    defaultSslCertificate: '',
    httpPort: 80,
    httpsPort: 443,
    ownAddresses: [],
    reservedPorts: [],
    workerProcesses: 'auto',
    workerShutdownTimeout: 240,
    stateDir,
    resolvers: ['10.96.0.10'],
    traffic: { perHost: false },
    ...more,
  };
}

/** A pipeline with the built-in templates and plugins. */
export async function pipelineFor(
  capabilities: Capabilities,
  settings: TranslateSettings,
  defaultCertificate: SecretValue = goldenCertificate,
): Promise<Pipeline> {
  return new Pipeline({
    settings,
    capabilities,
    defaultCertificate: { pem: defaultCertificate },
    plugins: builtinPlugins({ prefix: settings.annotationsPrefix }),
    templates: compileTemplates(await readTemplates(findInstallation().templates)),
  });
}

/** What a file or folder of manifests says. */
export async function snapshotOf(manifests: string): Promise<Snapshot> {
  const { objects, findings } = await readManifests([manifests]);
  const store = createStore();
  store.apply({ set: objects, deleted: [], findings: new Map([[path.basename(manifests), findings]]) });
  return store.snapshot();
}

/** Builds manifests for an nginx, as the golden data have it. */
export async function buildGolden(
  manifests: string,
  capabilities: Capabilities,
  settings: TranslateSettings,
  defaultCertificate?: SecretValue,
): Promise<Built> {
  const pipeline = await pipelineFor(capabilities, settings, defaultCertificate);
  return pipeline.build(await snapshotOf(manifests), new Map(), goldenNow);
}
