// deploy/policy/policy.yaml: what `cng policy` prints for the config file of deploy/kubernetes.
import { readFile } from 'node:fs/promises';
import { loadAll } from 'js-yaml';
import { createStore } from '../src/cluster/store.ts';
import { policyText } from '../src/commands/policy.ts';
import { formatConfigError } from '../src/config/config-error.ts';
import { loadConfig } from '../src/config/load.ts';
import { builtinPlugins } from '../src/plugins/builtin.ts';

const source = new URL('../deploy/kubernetes/config.yaml', import.meta.url);

/** @throws Error where the config file of deploy/kubernetes is none */
export async function defaultPolicies(): Promise<string> {
  const objects = loadAll(await readFile(source, 'utf8')) as {
    readonly data?: Readonly<Record<string, string>>;
  }[];
  const text = objects.flatMap(({ data }) => data?.['gateway.yaml'] ?? [])[0] ?? '';
  const loaded = loadConfig(text, {}, 'gateway.yaml');
  if ('errors' in loaded) {
    throw new Error(loaded.errors.map(formatConfigError).join('\n'));
  }
  const plugins = builtinPlugins({ prefix: loaded.config.kubernetes.annotationsPrefix });
  const flags = { name: 'cloud-native-gateway', action: 'deny', remarks: 'warn' } as const;
  return policyText(loaded.config, plugins, createStore().snapshot(), flags);
}
