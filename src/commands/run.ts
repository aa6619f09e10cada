import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asManifest } from '../cluster/as-manifest.ts';
import { serviceEndpoints } from '../cluster/service-endpoints.ts';
import { createStore, type Store } from '../cluster/store.ts';
import { deltaToWire } from '../cluster/wire.ts';
import type { GatewayConfig } from '../config/sections.ts';
import { watchConfig, type ConfigChange } from '../config/watch.ts';
import { Controller } from '../controller.ts';
import { readCounts, readMarker, writeComing } from '../controller/marker.ts';
import { findOrphans } from '../controller/orphans.ts';
import { OperatorExtensions } from '../controller/operator-extensions.ts';
import type { Ledger } from '../extensions/ledger.ts';
import { reportTemplates, reportText, templatesInForce } from '../extensions/report.ts';
import { findInstallation } from '../installation.ts';
import { createApplier } from '../nginx/apply.ts';
import { detectCapabilities } from '../nginx/capabilities.ts';
import { defaultCertificate } from '../nginx/default-certificate.ts';
import { startLogLimit } from '../nginx/log-limit.ts';
import { stopNginx } from '../nginx/supervise.ts';
import { versionFloor } from '../nginx/version.ts';
import { workerGroup } from '../nginx/worker-group.ts';
import { createLogger, type Logger } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import type { TrafficView } from '../observe/traffic-view.ts';
import type { ControllerView } from '../observe/view.ts';
import type { TemplateSource } from '../render/template-check.ts';
import { readTemplates } from '../render/template-files.ts';
import { version } from '../version.ts';
import { RenderWorker } from '../worker/client.ts';
import { LintMemory } from '../worker/linted.ts';
import { createClusterOutputs, type ClusterOutputs } from './cluster-outputs.ts';
import { openExtensions } from './extensions.ts';
import { startEndpoints } from './endpoints.ts';
import { limitsFor } from './limits.ts';
import { endOnUnhandled, watchSignals } from './ending.ts';
import { openObjectSource, sourceLog, type ObjectSource } from './object-source.ts';
import type { CommonOptions } from './program.ts';
import { openTraffic, tellOfNginx } from './traffic.ts';
import { lockStateDir } from './state-lock.ts';
import { openStateDirectory } from './state-wait.ts';
import { chooseStateDir, readSettings, translateSettings, type CommandConfig } from './settings.ts';

/** Milliseconds between two looks at nginx as long as the objects have not all been read once. */
const patienceMs = 3000;

/** Milliseconds that an nginx in another container may take to come up: containers of a pod start side by side. */
const agentPatienceMs = 60_000;

/** Milliseconds between two looks at the size of nginx's logs. */
const logLookMs = 30_000;

/**
 * Serves traffic until SIGTERM or SIGINT, then drains nginx and ends.
 * @returns the exit code
 * @throws GatewayError where the start fails: config, nginx, state folder, ports
 */
export async function run(options: CommonOptions): Promise<number> {
  const settings = await readSettings(options);
  const { config } = settings;
  const logger = createLogger({
    level: config.log.level,
    format: config.log.format,
    filePath: config.log.filePath,
    maxSizeMb: config.log.maxSizeMb,
    maxBackups: config.log.maxBackups,
    maxAgeDays: config.log.maxAgeDays,
  });
  endOnUnhandled(logger);
  try {
    return await serve(options, settings, logger);
  } finally {
    await logger.close();
  }
}

async function serve(options: CommonOptions, settings: CommandConfig, logger: Logger): Promise<number> {
  const { config } = settings;
  const { first: ending, second } = watchSignals();
  const stateDir = chooseStateDir(config);
  const configPath =
    config.nginx.configPath === '' ? join(stateDir, 'nginx.conf') : resolve(config.nginx.configPath);
  const paths = await openStateDirectory({ stateDir, configPath, config, ending, logger });
  if (paths === null) {
    return 0;
  }
  const lock = await lockStateDir(stateDir, join(paths.run, 'gateway.sock'));
  const binary = config.nginx.binaryPath;
  const starting = new AbortController();
  const detected = await Promise.race([
    detectCapabilities({
      binary,
      workDir: paths.candidate,
      patienceMs: agentPatienceMs,
      signal: starting.signal,
    }),
    ending,
  ]);
  starting.abort();
  if (typeof detected === 'string') {
    await lock.release();
    logger.info('Ended', { signal: detected });
    return 0;
  }
  const capabilities = detected;
  logger.info('Starting', { version, nginx: capabilities.version, stateDir });

  const belowFloor = versionFloor(capabilities.version);
  if (belowFloor !== null) {
    logger.warn('This nginx lacks security fixes', { ...belowFloor });
  }
  if (!capabilities.keepaliveMinTimeout) {
    logger.warn('This nginx resets idle keep-alive connections at a reload: use 1.27.4 or newer', {
      nginx: capabilities.version,
    });
  }
  const store = createStore();
  const metrics = createMetrics({
    version,
    revision: '',
    repository: '',
    controllerClass: config.kubernetes.controllerClass,
    podNamespace: process.env['NAMESPACE'] ?? '',
    podName: process.env['POD_NAME'] ?? '',
  });
  const source = await openObjectSource(config, store, metrics, logger);
  const { deadlines, workerHeapMb } = limitsFor(process.env);
  const installation = findInstallation();
  const extensions = await openExtensions(config, stateDir, logger);
  const builtinTemplates = await readTemplates(installation.templates);
  const worker = new RenderWorker({
    url: installation.worker,
    data: {
      settings: await translateSettings(config, stateDir, source.kind),
      capabilities,
      defaultCertificatePem: (await defaultCertificate(stateDir)).reveal(),
      templateFolder: installation.templates,
      disabledPlugins: config.plugins.disabled,
    },
    deadlineMs: deadlines.buildMs,
    hookDeadlineMs: deadlines.hookMs,
    heapMb: workerHeapMb,
    logger,
    everything: () => deltaToWire(store.changesSince(0)),
    onRestart: (code) => {
      logger.error('The rendering worker was replaced', { code });
      metrics.workerRestart(code === 'CNG_WORKER_DEADLINE' ? 'timeout' : 'crash');
    },
  });
  const lints = new LintMemory();
  const gid = await workerGroup(binary);
  const applier = createApplier({
    binary,
    stateDir,
    configPath,
    reloadScript:
      config.nginx.reloadScript === '' ? installation.reloadScript : resolve(config.nginx.reloadScript),
    lint: (candidate) => lints.of(candidate),
    logger,
    deadlines,
    retainMs: (config.nginx.workerShutdownTimeoutSeconds + 60) * 1000,
    ...(gid !== null && { gid }),
    beforeSwap: async (generation) => await writeComing(stateDir, generation),
    onStage: (stage, seconds, result) => {
      controller.progress(stage, seconds, result === 'ok' ? 'success' : 'failure');
    },
  });
  const outputs = openOutputs(config, source, store, stateDir, logger);
  if (outputs !== null) {
    metrics.outputs(config.kubernetes.electionId, () => outputs.state());
  }
  const controller = new Controller({
    store,
    worker,
    applier,
    lints,
    metrics,
    logger,
    extensions: new OperatorExtensions({
      ledger: extensions.ledger,
      goodForms: extensions.goodForms,
      builtinTemplates,
      templateConfigMap: config.kubernetes.templateConfigMap,
      logger,
    }),
    stateDir,
    counts: () => source.counts(),
    onVerdicts: (verdicts) => {
      outputs?.verdictsChanged(verdicts);
      metrics.orphans(findOrphans(store.snapshot(), verdicts));
    },
  });
  metrics.readiness(() => controller.readiness().ready);
  const site = { binary, paths, configPath, logger };
  const traffic = openTraffic({ config, site, worker, metrics });
  tellOfNginx({ config, paths, metrics, worker, live: () => controller.history.live() });
  const endpoints = await startEndpoints(
    config,
    viewOf(controller, store, source, outputs, worker, builtinTemplates, extensions.ledger, traffic),
    metrics,
    source.reviewToken,
    logger,
  );
  const logLimit = startLogLimit(paths, logLookMs, { logger });
  const configWatch = options.config === undefined ? null : watchConfigFile(options.config, settings, logger);

  const found = await applier.start();
  const complete = await readMarker(stateDir);
  logger.info('Looked for a running nginx', { ...found, complete: [...complete] });
  if (found.live !== null && complete.has(found.live)) {
    controller.adopt();
  }
  const begins = Promise.race([
    source.start(await readCounts(stateDir)).then(() => true),
    ending.then(() => false),
  ]);
  while (!(await settlesWithin(begins, patienceMs))) {
    // The cluster does not answer. Should nginx have ended, what was verified last is better than nothing.
    const live = (await applier.ensureRunning()) ? await applier.liveGeneration() : null;
    if (live !== null && complete.has(live)) {
      controller.adopt();
    }
  }
  // One that is to end before it knows the whole cluster would bring out a part of it.
  if (await begins) {
    controller.start();
    extensions.follow(() => controller.extensionsChanged());
    outputs?.start();
  }

  const signal = await ending;
  const { shutdownGracePeriodSeconds, postShutdownGracePeriodSeconds } = config.nginx;
  logger.info('Ending', { signal, graceSeconds: shutdownGracePeriodSeconds });
  controller.drain();
  // Load balancers take a while to notice; until then nginx takes new connections and endpoints are followed.
  await settlesWithin(second, shutdownGracePeriodSeconds * 1000);
  void hurry(second, site);
  const isPassOver = await settlesWithin(
    Promise.all([controller.stop(), logLimit.stop(), configWatch?.close(), extensions.close()]),
    deadlines.lastPassMs,
  );
  if (!isPassOver) {
    logger.error('What is under way does not end; nginx and the Lease are ended without it', {
      deadlineMs: deadlines.lastPassMs,
    });
  }
  const drainMs = config.nginx.workerShutdownTimeoutSeconds * 1000;
  // Beside each other: a drain may take minutes, and a killed pod would keep its Lease and its addresses.
  await Promise.all([
    // The applier does one thing at a time, and would wait for what does not end.
    endNginx(() => (isPassOver ? applier.stop({ drainMs }) : stopNginx(site, drainMs)), logger),
    outputs?.stop(),
  ]);
  await traffic?.close();
  await source.stop();
  await worker.close();
  await settlesWithin(second, postShutdownGracePeriodSeconds * 1000);
  await endpoints.close();
  await lock.release();
  metrics.stop();
  logger.info('Ended');
  // Anything but 0 ends the process, whatever it still waits for.
  return isPassOver ? 0 : 74;
}

/** Status, Events and the Lease: what is written back to the cluster. */
function openOutputs(
  config: GatewayConfig,
  { client, writeClient }: ObjectSource,
  store: Store,
  stateDir: string,
  logger: Logger,
): ClusterOutputs | null {
  if (client === null) {
    return null;
  }
  return createClusterOutputs({
    client,
    ...(writeClient !== null && { writeClient }),
    config: config.kubernetes,
    identity: { namespace: process.env['NAMESPACE'] ?? '', podName: process.env['POD_NAME'] ?? '' },
    store,
    memoryPath: join(stateDir, 'events.json'),
    log: sourceLog(logger),
  });
}

/** What the endpoints may see. */
function viewOf(
  controller: Controller,
  store: Store,
  source: Pick<ObjectSource, 'obstacle' | 'staleness'>,
  outputs: ClusterOutputs | null,
  worker: RenderWorker,
  builtin: readonly TemplateSource[],
  extensions: Ledger,
  traffic: TrafficView | null,
): ControllerView {
  const { history } = controller;
  return {
    readiness() {
      const { ready, reason } = controller.readiness();
      const obstacle = ready ? null : source.obstacle();
      return {
        ready,
        reason: obstacle === null ? reason : `${reason ?? ''}; ${obstacle}`,
        stale: source.staleness(),
      };
    },
    liveness: () => controller.liveness(),
    live: () => history.live(),
    generations: () => history.generations(),
    configText: (number) => history.configText(number),
    sourceMap: (number) => history.sourceMap(number),
    failed: () => history.failed(),
    verdicts: () => history.verdicts(),
    object(ref) {
      const found = store.get(ref);
      return found === null ? null : asManifest(found);
    },
    endpoints: (namespace, service) => serviceEndpoints(store.snapshot(), namespace, service),
    outputs: () => outputs?.state() ?? null,
    traffic: () => traffic,
    templates: () => ({
      json: () => reportTemplates(builtin, extensions),
      text: () => reportText(reportTemplates(builtin, extensions)),
      textOf: (name) => templatesInForce(builtin, extensions).get(name)?.text ?? null,
      builtinTextOf: (name) => builtin.find((template) => template.name === name)?.text ?? null,
    }),
    // Asked for when somebody looks: at 10,000 servers it is 20 MB.
    model: async () => JSON.parse(await worker.model()) as unknown,
    explain: async (asked) => await worker.explain(asked),
  };
}

/** SIGQUIT to nginx: it stops listening and finishes what it carries. */
async function endNginx(stop: () => Promise<unknown>, logger: Logger): Promise<void> {
  try {
    const result = await stop();
    logger.info('nginx ended', { result });
  } catch (error) {
    logger.error('nginx could not be ended', { error });
  }
}

async function settlesWithin(what: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const late = Symbol('late');
  return (await Promise.race([what, sleep(milliseconds, late, { ref: false })])) !== late;
}

/** Whoever signals twice does not wait for the drain: nginx is told to end at once. */
async function hurry(second: Promise<string>, site: Parameters<typeof stopNginx>[0]): Promise<void> {
  const signal = await second;
  site.logger.warn('Ending at once', { signal });
  await stopNginx(site, 0);
}

function watchConfigFile(path: string, settings: CommandConfig, logger: Logger): { close(): Promise<void> } {
  return watchConfig({
    path,
    environment: process.env,
    running: settings.loaded,
    onChange: (change) => applyConfigChange(change, logger),
  });
}

function applyConfigChange(change: ConfigChange, logger: Logger): void {
  if (change.kind === 'failed') {
    logger.error('The config file changed and is wrong; the settings in force stay', { error: change.error });
    return;
  }
  if (change.live.includes('log.level')) {
    logger.setLevel(change.config.log.level);
  }
  logger.info('The config file changed', {
    takesEffectNow: change.live,
    takesEffectAtRestart: change.atRestart,
  });
}
