import type { Snapshot } from '../cluster/snapshot.ts';
import type { Candidate } from '../model/candidate.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { Model } from '../model/model.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { SecretValue } from '../model/secret-value.ts';
import type { Reason, Verdict } from '../model/verdict.ts';
import type { GoodOptions } from '../options/read-options.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import { Renderer } from '../render/render.ts';
import type { Templates } from '../render/templates.ts';
import type { TranslateSettings } from '../translate/settings.ts';
import { translate } from '../translate/translate.ts';
import type { TemplateProof } from './template-proof.ts';
import { UnchangedServers } from './unchanged.ts';

/** What a pipeline is made from; a change of any of it needs a new pipeline. */
export interface PipelineParts {
  readonly settings: TranslateSettings;
  readonly capabilities: Capabilities;
  readonly defaultCertificate: { readonly pem: SecretValue };
  readonly plugins: PluginRegistry;
  readonly templates: Templates;
  /** Of templates that are an operator's. */
  readonly proof?: TemplateProof;
}

/** One build: what nginx is to serve, and what became of every object. */
export interface Built {
  readonly candidate: Candidate;
  readonly verdicts: readonly Verdict[];
  readonly model: Model;
  /** The global options that are in force in it; null without a ConfigMap of them. */
  readonly optionsInForce: GoodOptions | null;
  /** Seconds. */
  readonly took: { readonly translate: number; readonly render: number };
}

/** Snapshot to candidate: pure but for what it remembers of servers that have not changed. */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #renderer: Renderer;
  readonly #unchanged = new UnchangedServers();

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#renderer = new Renderer(parts.templates);
  }

  /**
   * `now` is in milliseconds since the epoch and only dates certificates.
   * @throws GatewayError of the template's family
   */
  build(
    snapshot: Snapshot,
    quarantine: ReadonlyMap<ObjectKey, Reason>,
    now: number,
    lastGoodOptions: GoodOptions | null = null,
  ): Built {
    const { settings, capabilities, defaultCertificate, plugins } = this.#parts;
    const began = performance.now();
    const translated = translate({
      snapshot,
      settings,
      capabilities,
      defaultCertificate,
      plugins,
      quarantine,
      lastGoodOptions,
      now,
    });
    const model = { ...translated.model, servers: this.#unchanged.keep(translated.model.servers) };
    const translatedAt = performance.now();
    const { text, sourceMap, generation } = this.#renderer.render(model, capabilities);
    this.#parts.proof?.check(model, text);
    return {
      candidate: {
        generation,
        text,
        sourceMap,
        files: model.files,
        allowances: translated.allowances,
        names: translated.names,
      },
      verdicts: translated.verdicts,
      model,
      optionsInForce: translated.optionsInForce,
      took: {
        translate: (translatedAt - began) / 1000,
        render: (performance.now() - translatedAt) / 1000,
      },
    };
  }
}
