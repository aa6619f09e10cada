import { dump } from 'js-yaml';
import { formatProblem } from '../cluster/manifests/problem.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import type { LabelRequirement } from '../config/label-selector.ts';
import type { GatewayConfig } from '../config/sections.ts';
import { makeCertificate } from '../nginx/default-certificate.ts';
import { defaultOptions, type Options } from '../options/options.ts';
import { readOptions } from '../options/read-options.ts';
import { allowedRisk } from '../plugins/annotations.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import { policyObjects, type Action } from '../policy/objects.ts';
import { annotationRules } from '../policy/rules.ts';
import { assumedCapabilities, openOneShot } from './one-shot.ts';
import type { PolicyOptions } from './program.ts';
import { chooseStateDir, readSettings } from './settings.ts';

const actions = { deny: 'Deny', warn: 'Warn', audit: 'Audit', off: null } as const satisfies Readonly<
  Record<string, Action | null>
>;

const operators = { in: 'In', 'not-in': 'NotIn', exists: 'Exists', absent: 'DoesNotExist' } as const;

/**
 * Prints ValidatingAdmissionPolicies and their bindings: what the gateway would say of an Ingress, said by the API
 * server when it is applied.
 * @returns 1 where a manifest has a problem; else 0
 * @throws GatewayError CNG_CONFIG_INVALID, CNG_CONFIG_UNREADABLE, CNG_PLUGIN_BROKEN
 */
export async function policy(options: PolicyOptions): Promise<number> {
  const { config } = await readSettings(options);
  const { manifests, plugins, snapshot } = await openOneShot(config, {
    stateDir: chooseStateDir(config),
    capabilities: assumedCapabilities,
    defaultCertificate: await makeCertificate(),
  });
  for (const problem of manifests.problems) {
    console.error(formatProblem(problem));
  }
  process.stdout.write(policyText(config, plugins, snapshot, options));
  return manifests.problems.length === 0 ? 0 : 1;
}

/** The policies as YAML. Of the snapshot the options ConfigMap and the IngressClasses are read. */
export function policyText(
  config: GatewayConfig,
  plugins: PluginRegistry,
  snapshot: Snapshot,
  { name, action, remarks }: Pick<PolicyOptions, 'name' | 'action' | 'remarks'>,
): string {
  const { kubernetes } = config;
  const globals = optionsOf(kubernetes.configMap, snapshot);
  const risk = allowedRisk(globals);
  const objects = policyObjects({
    name,
    registry: plugins,
    rules: annotationRules({
      registry: plugins,
      disabledPlugins: config.plugins.disabled,
      allowedRisk: risk,
      allowsSnippets: globals['allow-snippet-annotations'],
    }),
    classNames: classesOf(config, snapshot),
    legacyClass: kubernetes.ingressClass,
    classless: kubernetes.watchIngressWithoutClass,
    ignoresCatchAll: kubernetes.disableCatchAll,
    namespaceSelector: namespacesOf(config),
    action: actions[action],
    remarks: actions[remarks],
  });
  const head = [
    '# Made by "cng policy" for the Ingresses that this gateway serves, and for annotations up to risk',
    `# ${risk}. Make it again after a change of the config file, of annotations-risk-level or of the gateway.`,
  ];
  const documents = objects.map((object) => dump(object, { lineWidth: -1, noRefs: true }));
  return `${head.join('\n')}\n${documents.join('---\n')}`;
}

function optionsOf(configMap: string, snapshot: Snapshot): Options {
  const data = snapshot.configMaps.get(configMap)?.data;
  return data === undefined ? defaultOptions : readOptions(data, null).options;
}

/** The configured class, and those of the manifests that name our controller. */
function classesOf({ kubernetes }: GatewayConfig, { ingressClasses }: Snapshot): string[] {
  const { ingressClass, controllerClass, ingressClassByName } = kubernetes;
  const own = ingressClasses.get(ingressClass);
  const isOwn = own === undefined || ingressClassByName || own.controller === controllerClass;
  const named = [...ingressClasses.values()].filter(({ controller }) => controller === controllerClass);
  const names = [...(isOwn ? [ingressClass] : []), ...named.map(({ meta }) => meta.name)];
  return [...new Set(names)].sort();
}

/** As `matchConstraints.namespaceSelector` has it; null for all namespaces. */
function namespacesOf({ kubernetes }: GatewayConfig): object | null {
  const { namespace, watchNamespaceSelector } = kubernetes;
  const requirements: readonly LabelRequirement[] =
    namespace === ''
      ? watchNamespaceSelector.requirements
      : [{ key: 'kubernetes.io/metadata.name', operator: 'in', values: [namespace] }];
  const matchExpressions = requirements.map(({ key, operator, values }) => ({
    key,
    operator: operators[operator],
    ...(values.length > 0 && { values }),
  }));
  return matchExpressions.length === 0 ? null : { matchExpressions };
}
