import { randomUUID } from 'node:crypto';
import { sameValue } from '../cluster/object-shape.ts';
import { createStore, refOf } from '../cluster/store.ts';
import type { ClusterObject } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import { deltaFromWire } from '../cluster/wire.ts';
import { explain } from '../explain/explain.ts';
import type { Model } from '../model/model.ts';
import { objectKey, type ObjectKey } from '../model/object-ref.ts';
import { redactText } from '../model/redact.ts';
import { SecretValue } from '../model/secret-value.ts';
import type { Verdict } from '../model/verdict.ts';
import type { KeptOut } from '../nginx/apply-result.ts';
import { candidateLinter } from '../nginx/lint-candidate.ts';
import type { GoodOptions } from '../options/read-options.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import { Marker } from '../plugins/user/marker.ts';
import type { HookFailure } from '../plugins/user/plugin.ts';
import { readTemplates } from '../render/template-files.ts';
import { findTemplateLine } from '../render/template-lines.ts';
import { watchIntrinsics } from './intrinsics.ts';
import { factsOf } from './facts.ts';
import { goneRoutes } from './gone-routes.ts';
import { Kits } from './kits.ts';
import { faultsOf, standingFaults } from './kept-faults.ts';
import { LastGood } from './last-good.ts';
import { MemoryFile, type Notice } from './memory.ts';
import type { Built } from './pipeline.ts';
import type { BuildAnswer, BuildRequest, Located, Request, WorkerData } from './protocol.ts';

/** What the worker thread does, without the thread: keeps a copy of the store and builds from it. */
export interface Session {
  /** @throws GatewayError of the template's family */
  answer(request: Request): Promise<unknown>;
  /** Names what a plugin has changed of the language's own objects; then this thread is of no more use. Null: nothing. */
  readonly changedIntrinsic: () => string | null;
}

/** A build and what it was made from, for `verified` and `model`. */
interface Made {
  /** As its answer names it. */
  readonly name: string;
  readonly model: Model;
  readonly optionsInForce: GoodOptions | null;
  readonly snapshot: Snapshot;
  readonly quarantine: ReadonlyMap<ObjectKey, KeptOut>;
  readonly mended: readonly ObjectKey[];
}

/**
 * Reads the built-in templates and what was last good, and waits for questions. `memory` says which plugin runs (see
 * `Marker`).
 * @throws the file system's errors
 */
export async function openSession(
  data: WorkerData,
  memory: SharedArrayBuffer,
  notice: Notice,
): Promise<Session> {
  const changedIntrinsic = watchIntrinsics();
  const kits = new Kits({
    changedIntrinsic,
    settings: data.settings,
    capabilities: data.capabilities,
    defaultCertificate: { pem: new SecretValue(data.defaultCertificatePem) },
    builtinTemplates: await readTemplates(data.templateFolder),
    disabledPlugins: data.disabledPlugins,
    marker: new Marker(memory),
  });
  const lint = candidateLinter(data.settings.stateDir, data.capabilities);
  const store = createStore();
  const skeleton = createStore().snapshot();
  const options = objectKey({ kind: 'ConfigMap', ...namedObject(data.settings.optionsConfigMap) });
  let registry: PluginRegistry | null = null;
  const lastGood = new LastGood({
    // Its last good values are put back one by one: what it keeps out stays out.
    sameProtections: (before, after) => keyOf(after) !== options && sameProtections(before, after, registry),
    ruleOf: (annotation) => registry?.lastGoodRule(annotation) ?? null,
  });
  const file = new MemoryFile(data.settings.stateDir, notice);
  const remembered = await file.read();
  lastGood.recall(remembered ?? { forms: [], pairs: [] });
  let goodOptions: GoodOptions | null = remembered?.options ?? null;
  let keptOut = remembered?.keptOut ?? [];
  let saved = lastGood.version;
  let last: Made | null = null;
  /** The builds since the last update. A search for culprits makes many, and what goes live need not be the last. */
  const asked = new Map<string, BuildRequest>();
  let verifiedModel: Model | null = null;

  function present(): Snapshot {
    return lastGood.keepCertificates(store.snapshot());
  }

  /** Nothing is good of values that were refused together with those of before. */
  function optionsFor(quarantine: ReadonlyMap<ObjectKey, KeptOut>): GoodOptions | null {
    return quarantine.get(options)?.closed === true ? null : goodOptions;
  }

  async function verified(name: string): Promise<void> {
    const request = asked.get(name);
    if (last?.name !== name && request !== undefined) {
      await build(request);
    } else if (last?.name !== name) {
      // Of another worker, which was stopped since: the next pass tells of this one.
      last = null;
    }
    if (last === null) {
      return;
    }
    const { model, optionsInForce, snapshot, quarantine, mended } = last;
    lastGood.remember({ snapshot, quarantine, files: model.files });
    verifiedModel = model;
    // A ConfigMap that was away comes back to what was good of it.
    const good = optionsInForce ?? goodOptions;
    const stillOut = new Map([...quarantine].filter(([key]) => !mended.includes(key)));
    const faults = faultsOf(stillOut, present());
    const isSame = sameValue(goodOptions, good) && saved === lastGood.version && sameValue(keptOut, faults);
    goodOptions = good;
    keptOut = faults;
    if (!isSame || !(await file.isThere())) {
      saved = lastGood.version;
      file.save(() => ({ ...lastGood.remembered(), options: goodOptions, keptOut }));
    }
  }

  async function build(request: BuildRequest): Promise<BuildAnswer> {
    const { pipeline, plugins, failures } = await kits.get(request.extensions);
    failures.length = 0;
    if (request.of === 'skeleton') {
      return answerOf(pipeline.build(skeleton, new Map(), request.now), failures);
    }
    registry = plugins;
    const quarantine = new Map(request.quarantine);
    const now = present();
    const changed = lastGood.changedIn(now, quarantine);
    const { snapshot, stubbed, restored, mended } = lastGood.restore(now, quarantine);
    const built = pipeline.build(snapshot, stubbed, request.now, optionsFor(quarantine));
    const verdicts = withRestored(built.verdicts, restored, quarantine);
    const candidate = changed === null ? built.candidate : { ...built.candidate, changed };
    const answer = answerOf({ ...built, candidate, verdicts }, failures, mended);
    const { model, optionsInForce } = built;
    last = { name: answer.build, model, optionsInForce, snapshot, quarantine, mended };
    asked.set(answer.build, request);
    return answer;
  }

  function answerOf(
    built: Built,
    failures: readonly HookFailure[],
    mended: readonly ObjectKey[] = [],
  ): BuildAnswer {
    const began = performance.now();
    const violations = lint(built.candidate);
    const took = { ...built.took, lint: (performance.now() - began) / 1000 };
    const { candidate, verdicts } = built;
    return { build: randomUUID(), candidate, violations, verdicts, mended, failures: [...failures], took };
  }

  async function locate(request: BuildRequest, line: number): Promise<Located> {
    const kit = await kits.get(request.extensions);
    const quarantine = new Map(request.quarantine);
    const { snapshot, stubbed } = lastGood.restore(present(), quarantine);
    const { model } = kit.pipeline.build(snapshot, stubbed, request.now, optionsFor(quarantine));
    return findTemplateLine(kit.sources, model, data.capabilities, line);
  }

  return {
    changedIntrinsic,
    async answer(request) {
      switch (request.ask) {
        case 'update':
          store.applyDelta(deltaFromWire(request.delta));
          asked.clear();
          return null;
        case 'build':
          return await build(request.build);
        case 'locate':
          return await locate(request.build, request.line);
        case 'verified':
          await verified(request.build);
          return null;
        case 'kept-out':
          return standingFaults(keptOut, present());
        case 'flush':
          await file.flush();
          return null;
        case 'model':
          return JSON.stringify(verifiedModel === null ? null : withoutSecrets(verifiedModel));
        case 'facts':
          return verifiedModel === null ? null : factsOf(verifiedModel);
        case 'gone-routes':
          return verifiedModel === null ? [] : goneRoutes(verifiedModel, request.routes);
        case 'explain':
          return verifiedModel === null ? null : explain(verifiedModel, data.capabilities, request.asked);
        default:
          return request satisfies never;
      }
    },
  };
}

/** Objects served in their last good form are quarantined all the same: what they say now is not served. */
function withRestored(
  verdicts: readonly Verdict[],
  restored: ReadonlySet<ObjectKey>,
  quarantine: ReadonlyMap<ObjectKey, KeptOut>,
): Verdict[] {
  return verdicts.map((verdict) => {
    const key = `${verdict.kind}/${verdict.namespace}/${verdict.name}`;
    const reason = quarantine.get(key);
    if (reason === undefined || !restored.has(key)) {
      return verdict;
    }
    const message = `${redactText(reason.message)}; its last good form goes on being served`;
    return { ...verdict, state: 'quarantined', reasons: [{ field: reason.field, message }] };
  });
}

function keyOf(object: ClusterObject): ObjectKey {
  return objectKey(refOf(object));
}

function namedObject(text: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = text.split('/');
  return { namespace, name };
}

/** The model as people may see it: certificates and password files by name only. */
function withoutSecrets(model: Model): Model {
  const files = model.files.map((file) => (file.secret ? { ...file, content: '[redacted]' } : file));
  return { ...model, files };
}

/** Whether two versions carry the same guarding annotations; other kinds carry none. */
function sameProtections(
  before: ClusterObject,
  after: ClusterObject,
  registry: PluginRegistry | null,
): boolean {
  return [...(registry?.guardingAnnotations ?? [])].every((name) =>
    registry?.protectAlike(name, before.meta.annotations[name], after.meta.annotations[name]),
  );
}
