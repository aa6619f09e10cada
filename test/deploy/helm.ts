import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { type KubeObject, parseObjects } from './kube-object.ts';

const root = join(import.meta.dirname, '../..');
export const chart = join(root, 'deploy/helm/cloud-native-gateway');
/** The namespace of deploy/kubernetes. */
export const namespace = 'cloud-native-gateway';

/** EX_UNAVAILABLE: scripts/setup-helm.sh has neither Helm nor a Go to build it with. */
const neither = 69;
/** Milliseconds; building takes a minute of a machine that does nothing else, and happens once. */
const buildLimit = 280_000;

export type FoundHelm = { readonly path: string } | { readonly missing: string };

/**
 * Helm, built where there is none yet.
 * @throws Error where it could be built and that failed
 */
export function findHelm(): FoundHelm {
  const { status, stdout, stderr } = spawnSync(join(root, 'scripts/setup-helm.sh'), {
    encoding: 'utf8',
    timeout: buildLimit,
  });
  if (status === 0) {
    return { path: stdout.trim() };
  }
  if (status === neither) {
    return { missing: stderr.trim() };
  }
  throw new Error(`scripts/setup-helm.sh failed: ${stderr.trim()}`);
}

export interface HelmResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of Helm with values, in the namespace of deploy/kubernetes unless it says another. */
export function runHelm(helm: string, command: readonly string[], values: unknown): HelmResult {
  const folder = mkdtempSync(join(tmpdir(), 'cng-helm-'));
  try {
    const file = join(folder, 'values.yaml');
    writeFileSync(file, dump(values));
    // Nothing of a user's own settings, plugins or clusters.
    const env = {
      PATH: process.env['PATH'],
      HELM_CACHE_HOME: folder,
      HELM_CONFIG_HOME: folder,
      HELM_DATA_HOME: folder,
    };
    return spawnSync(helm, ['--namespace', namespace, ...command, '--values', file], {
      encoding: 'utf8',
      env,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The objects that the chart makes of values.
 * @throws Error with Helm's message where it refuses
 */
export function renderChart(helm: string, values: unknown): KubeObject[] {
  const { status, stdout, stderr } = runHelm(helm, ['template', 'cloud-native-gateway', chart], values);
  if (status !== 0) {
    throw new Error(`helm template refused: ${stderr}`);
  }
  return parseObjects(stdout);
}
