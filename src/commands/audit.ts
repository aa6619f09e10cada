import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { referencedConfigMaps, referencedSecrets } from '../cluster/kubernetes/referenced-secrets.ts';
import type { Ingress } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import { createStore } from '../cluster/store.ts';
import type { GatewayConfig } from '../config/sections.ts';
import { gatewayError } from '../errors.ts';
import { findControllers, type FoundController } from '../audit/controllers.ts';
import { readFlags } from '../audit/flags.ts';
import { absence, outcomesOf } from '../audit/outcomes.ts';
import { otherIngresses } from '../audit/others.ts';
import { openCluster, type ClusterReader, type NamedObject } from '../audit/read-cluster.ts';
import { readManifestWorld } from '../audit/read-manifests.ts';
import { exitCodeFor, makeReport, reportText, type AuditedController } from '../audit/report.ts';
import { completeSnapshot } from '../audit/stand-ins.ts';
import type { AuditWorld } from '../audit/world.ts';
import type { Capabilities } from '../model/capabilities.ts';
import { makeCertificate } from '../nginx/default-certificate.ts';
import { ownPrefix } from '../plugins/registry.ts';
import { reasonToIgnore } from '../translate/classes.ts';
import { nginxToTestWith } from './check.ts';
import { judge } from './judge.ts';
import { assumedCapabilities, openPipeline } from './one-shot.ts';
import type { AuditOptions } from './program.ts';
import { ownershipSettings, readSettings, translateSettings } from './settings.ts';

/**
 * Prints what of an ingress-nginx installation would be served the same, with a difference, or not.
 * @returns 0 where all is the same, 1 where something differs or is unclear, 2 where something is not served
 * @throws GatewayError CNG_USAGE, CNG_CLUSTER_ACCESS, CNG_CONFIG_INVALID, CNG_CONFIG_UNREADABLE, CNG_PLUGIN_BROKEN
 */
export async function audit(options: AuditOptions): Promise<number> {
  const { manifests, kubeconfig } = options;
  if (manifests.length > 0 === (kubeconfig !== undefined)) {
    throw gatewayError('CNG_USAGE', { reason: 'audit takes either --manifests or --kubeconfig' });
  }
  const { config } = await readSettings({ ...options, manifests: [] });
  const installed = await nginxToTestWith(config.nginx.binaryPath);
  const world =
    kubeconfig === undefined
      ? await readManifestWorld(manifests.map((path) => resolve(path)))
      : await readCluster(resolve(kubeconfig));
  const found = findControllers(world.workloads);
  const controllers: readonly FoundController[] =
    found.length === 0 ? [{ workload: '', flags: new Map() }] : found;
  const judged: AuditedController[] = [];
  for (const controller of controllers) {
    judged.push(await auditOne(controller, world, config, installed));
  }
  const report = makeReport({
    controllers: judged,
    others: otherIngresses(
      world,
      controllers.map(({ flags }) => ownershipOf(readFlags(flags).config)),
    ),
    problems: world.problems,
  });
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
  return exitCodeFor(report);
}

function ownershipOf(config: GatewayConfig): ReturnType<typeof ownershipSettings> {
  return ownershipSettings(config, 'api');
}

/** The name of a class for which no IngressClass is needed: it may be one that was not given. */
function isOursIn(config: GatewayConfig): (ingress: Ingress, snapshot: Snapshot) => boolean {
  const settings = ownershipOf(config);
  return (ingress, snapshot) => reasonToIgnore(ingress, snapshot, settings) === null;
}

async function auditOne(
  { workload, flags }: FoundController,
  world: AuditWorld,
  own: GatewayConfig,
  installed: Capabilities | null,
): Promise<AuditedController> {
  const reading = readFlags(flags);
  const config = { ...own, kubernetes: reading.config.kubernetes };
  const completed = await completeSnapshot(
    world.objects,
    config,
    isOursIn(config),
    world.origin === 'manifests',
  );
  // A folder of its own: an audit beside a running gateway must not touch what that one serves from.
  const stateDir = await mkdtemp(join(tmpdir(), 'cng-audit-'));
  try {
    const settings = {
      ...(await translateSettings(config, stateDir, 'api')),
      // What holds on this machine says nothing about the cluster that is judged.
      ownAddresses: [],
      resolvers: ['127.0.0.53:53'],
      // Ports below 1024 cannot be tested by everybody, and no verdict is about them.
      httpPort: 18_080,
      httpsPort: 18_443,
    };
    const capabilities = installed ?? assumedCapabilities;
    const snapshot = {
      ...completed.snapshot,
      findings: world.findings.filter(({ object }) => object.kind !== 'Ingress' || isIn(object, completed)),
    };
    const { pipeline } = await openPipeline(config, settings, snapshot, {
      capabilities,
      defaultCertificate: await makeCertificate(),
    });
    const binary = config.nginx.binaryPath;
    const judgement = await judge(snapshot, { pipeline, binary, installed, stateDir });
    const options = completed.snapshot.configMaps.get(config.kubernetes.configMap)?.data ?? {};
    const objects = outcomesOf(judgement.verdicts, { ...completed, snapshot }, options, world.origin);
    return {
      workload,
      ingressClass: config.kubernetes.ingressClass,
      controllerClass: config.kubernetes.controllerClass,
      flags: reading.verdicts,
      objects,
      notes: [
        ...(workload === '' ? [assumed] : []),
        ...(completed.missing.get('') ?? []).map((key) => absence(key, world.origin).message),
      ],
      testedBy: judgement.testedBy,
      fault: judgement.fault,
    };
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

const assumed =
  'no ingress-nginx controller is among what was read, so default flags and options are assumed: give its Deployment and its ConfigMap too';

function isIn(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { snapshot }: { readonly snapshot: Snapshot },
): boolean {
  return snapshot.ingresses.some(({ meta }) => meta.namespace === namespace && meta.name === name);
}

/** Lists the cluster, then fetches the Secrets and ConfigMaps that are named. */
async function readCluster(kubeconfig: string): Promise<AuditWorld> {
  const cluster = await openCluster(kubeconfig);
  try {
    let world = await cluster.list();
    const configs = findControllers(world.workloads).map(({ flags }) => readFlags(flags).config);
    // Twice: the ConfigMap of the options names others.
    for (let round = 0; round < 2; round += 1) {
      world = await withNamed(cluster, world, configs.length === 0 ? [readFlags(new Map()).config] : configs);
    }
    return world;
  } finally {
    cluster.close();
  }
}

async function withNamed(
  cluster: ClusterReader,
  world: AuditWorld,
  configs: readonly GatewayConfig[],
): Promise<AuditWorld> {
  const store = createStore();
  store.apply({ set: world.objects, deleted: [] });
  const snapshot = store.snapshot();
  const named = new Map<string, NamedObject>();
  for (const { kubernetes } of configs) {
    const rules = {
      prefixes: [kubernetes.annotationsPrefix, ownPrefix],
      secrets: [kubernetes.defaultSslCertificate],
      configMaps: [kubernetes.configMap, kubernetes.tcpServicesConfigmap, kubernetes.udpServicesConfigmap],
    };
    for (const id of referencedSecrets(snapshot, rules)) {
      if (!snapshot.secrets.has(id)) {
        named.set(`Secret/${id}`, { kind: 'Secret', id });
      }
    }
    for (const id of referencedConfigMaps(snapshot, rules)) {
      if (!snapshot.configMaps.has(id)) {
        named.set(`ConfigMap/${id}`, { kind: 'ConfigMap', id });
      }
    }
  }
  const fetched = await cluster.fetch([...named.values()]);
  return {
    ...world,
    objects: [...world.objects, ...fetched.objects],
    findings: [...world.findings, ...fetched.findings],
    problems: [...new Set([...world.problems, ...fetched.problems])],
  };
}
