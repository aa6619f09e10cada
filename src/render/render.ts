import { createHash } from 'node:crypto';
import { gatewayError } from '../errors.ts';
import type { SourceMap } from '../model/candidate.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { Model } from '../model/model.ts';
import { generationMark, unbracket } from './provenance.ts';
import type { Templates } from './templates.ts';
import { Viewer } from './view.ts';

/** A rendered configuration. */
export interface Rendering {
  readonly text: string;
  readonly sourceMap: SourceMap;
  /** First 16 hex digits of the SHA-256 of `text` with the generation itself left out. */
  readonly generation: string;
}

/** More than this is refused before it is written: 10,000 servers with three locations each are 25 MB. */
const mostBytes = 128 * 1024 * 1024;

/** Renders models with one set of templates, remembering the text of servers that stay the same object. */
export class Renderer {
  readonly #templates: Templates;
  readonly #viewer = new Viewer();

  constructor(templates: Templates) {
    this.#templates = templates;
  }

  /** @throws GatewayError CNG_TEMPLATE_BROKEN, CNG_RENDER_UNENCODED_VALUE */
  render(model: Model, capabilities: Capabilities): Rendering {
    const marked = this.#templates.render(this.#viewer.view(model, capabilities));
    if (marked.length > mostBytes) {
      const reason = `it renders ${marked.length} characters; at most ${mostBytes} are allowed`;
      throw gatewayError('CNG_TEMPLATE_BROKEN', { template: 'nginx.conf', line: 1, reason });
    }
    if (!marked.includes(generationMark)) {
      const reason =
        'nothing prints {{generation}}, by which a reload is verified: keep {{> private-server}}';
      throw gatewayError('CNG_TEMPLATE_BROKEN', { template: 'nginx.conf', line: 1, reason });
    }
    const { text, sourceMap } = unbracket(marked);
    const blank = text.replaceAll(generationMark, '');
    const generation = createHash('sha256').update(blank).digest('hex').slice(0, 16);
    return { text: text.replaceAll(generationMark, generation), sourceMap, generation };
  }
}
