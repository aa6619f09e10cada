import type { SourceMap } from '../../src/model/candidate.ts';
import type { Verdict } from '../../src/model/verdict.ts';
import type { ControllerView, FailedConfig, GenerationInfo } from '../../src/observe/view.ts';

/** Two Ingresses share a server; the certificate inside it is a Secret's. */
export const sampleText = [
  'events {}',
  'http {',
  '  server {',
  '    ssl_certificate certificates/1.pem;',
  '    location / { proxy_pass http://shop; }',
  '    location /cart { proxy_pass http://cart; }',
  '  }',
  '  server { return 404; }',
  '}',
  '',
].join('\n');

export const sampleMap: SourceMap = {
  ranges: [
    { first: 3, last: 7, object: 'Ingress/default/shop' },
    { first: 4, last: 4, object: 'Secret/default/tls' },
    { first: 6, last: 6, object: 'Ingress/default/cart' },
  ],
};

export const sampleVerdicts: readonly Verdict[] = [
  { kind: 'Ingress', namespace: 'default', name: 'cart', state: 'served', reasons: [] },
  { kind: 'Ingress', namespace: 'default', name: 'shop', state: 'served', reasons: [] },
  {
    kind: 'Ingress',
    namespace: 'other',
    name: 'broken',
    state: 'rejected',
    reasons: [{ field: 'spec.rules[0].host', message: 'host "<b>" is not a DNS name; correct it' }],
  },
  {
    kind: 'IngressClass',
    namespace: '',
    name: 'foreign',
    state: 'ignored',
    reasons: [{ field: 'spec.controller', message: 'another controller serves it' }],
  },
];

export const sampleFailure: FailedConfig = {
  generation: 'feedfeedfeedfeed',
  text: 'events {}\nhttp {\n  bad_directive;\n}\n',
  line: 3,
  message: 'unknown directive "bad_directive"\nin nginx.conf:3',
  at: Date.UTC(2026, 0, 2, 3, 4, 5),
  stage: 'test',
  objects: ['Ingress/other/broken'],
};

/** What pages look for in a model, with nothing in it. */
export const emptyModel = {
  listeners: [],
  servers: [],
  upstreams: [],
  splits: [],
  streams: [],
  passthrough: null,
};

/** A generation that went well, with what differs. */
export function generation(number: number, changes: Partial<GenerationInfo> = {}): GenerationInfo {
  return {
    number,
    generation: `${number}`.padStart(16, '0'),
    at: Date.UTC(2026, 0, 2, 3, 4, number),
    reasons: ['objects changed'],
    seconds: { translate: 0.01, test: 0.1, verify: 0.25 },
    outcome: 'superseded',
    message: null,
    objectsChanged: ['Ingress/default/shop'],
    quarantined: [],
    textKept: true,
    ...changes,
  };
}

/** A controller that serves generation 3, has kept 2, has forgotten the text of 1. Any part can be replaced. */
export function sampleView(changes: Partial<ControllerView> = {}): ControllerView {
  const texts = new Map([
    [2, 'events {}\n'],
    [3, sampleText],
  ]);
  return {
    readiness: () => ({ ready: true, reason: null }),
    liveness: () => ({ healthy: true, reason: null }),
    live: () => ({ number: 3, generation: '0000000000000003' }),
    generations: () => [
      generation(3, { outcome: 'live' }),
      generation(2),
      generation(1, { textKept: false }),
    ],
    configText: (number) => texts.get(number ?? 3) ?? null,
    sourceMap: (number) => ((number ?? 3) === 3 ? sampleMap : { ranges: [] }),
    failed: () => null,
    outputs: () => null,
    traffic: () => null,
    explain: () => Promise.resolve(null),
    model: () => ({ ...emptyModel, http: { gzip: true } }),
    templates: () => ({
      json: () => ({ contract: 1, extensions: [], troubles: [], templates: [] }),
      text: () => 'template contract 1\n',
      textOf: (name) => (name === 'server' ? 'server {}\n' : null),
      builtinTextOf: (name) => (name === 'server' ? 'server {}\n' : null),
    }),
    verdicts: () => sampleVerdicts,
    object: () => null,
    endpoints: () => [],
    ...changes,
  };
}
