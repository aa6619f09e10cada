import { cpus, totalmem } from 'node:os';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { nginxBinaries } from '../test/support/nginx-binaries.ts';
import { measureFirstSync } from './api-sync.ts';
import { measureAnnotations } from './annotations.ts';
import { measureChanges } from './change-to-live.ts';
import { measureRender } from './render.ts';
import { median, quantile } from './statistics.ts';

/**
 * `npm run bench`: measures the built program and writes bench/README.md. Everything that is compared is measured in
 * the same run on the same machine; the ratios are what counts.
 */
const ingresses = 1000;
const changes = Number(process.env['BENCH_CHANGES'] ?? 30);

function ms(value: number): string {
  return value.toFixed(0);
}

async function cpuModel(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  return /model name\s*:\s*(.*)/u.exec(text)?.[1] ?? cpus()[0]?.model ?? 'unknown';
}

const sections: string[] = [];
for (const nginx of nginxBinaries()) {
  console.error(`nginx ${nginx.version}: ${ingresses} Ingresses, ${changes} changes`);
  const run = await measureChanges(nginx, ingresses, changes);
  const floor = run.floor.map(({ testMs, reloadMs }) => testMs + reloadMs);
  const aim = 1.3 * median(floor) + 250;
  const stages = ['translate', 'render', 'lint', 'stage', 'test', 'swap', 'reload', 'verify'] as const;
  sections.push(`### nginx ${nginx.version}

| at ${ingresses} Ingresses (3 paths each) | p50 | p99 |
|---|---|---|
| floor: \`nginx -t\`, ms | ${ms(median(run.floor.map((one) => one.testMs)))} | ${ms(
    quantile(
      run.floor.map((one) => one.testMs),
      0.99,
    ),
  )} |
| floor: SIGHUP to first answer of a new worker, ms | ${ms(median(run.floor.map((one) => one.reloadMs)))} | ${ms(
    quantile(
      run.floor.map((one) => one.reloadMs),
      0.99,
    ),
  )} |
| one change to first answer by its route, ms | ${ms(median(run.firstMs))} | ${ms(quantile(run.firstMs, 0.99))} |
| one change to verified, ms | ${ms(median(run.verifiedMs))} | ${ms(quantile(run.verifiedMs, 0.99))} |
| **first answer ÷ floor** | **${(median(run.firstMs) / median(floor)).toFixed(2)}** | ${(quantile(run.firstMs, 0.99) / quantile(floor, 0.99)).toFixed(2)} |
| **verified ÷ (1.3 × floor + 250 ms)** | **${(median(run.verifiedMs) / aim).toFixed(2)}** | ${(quantile(run.verifiedMs, 0.99) / (1.3 * quantile(floor, 0.99) + 250)).toFixed(2)} |

Start of the program to the first verified configuration: ${ms(run.startMs)} ms. Where a change spends its time
(median, ms): ${stages.map((stage) => `${stage} ${ms(median(run.stages[stage] ?? [0]))}`).join(', ')}; the rest is
noticing the file (quiet period 30 ms), reading it, and the way between the threads.

Memory (RSS) of the gateway: ${ms(run.rssEmptyMb)} MB with no object, ${ms(run.rssMb)} MB with ${ingresses}
Ingresses, ${((1024 * (run.rssMb - run.rssEmptyMb)) / ingresses).toFixed(0)} kB per Ingress with its Service and EndpointSlice.
Bare Node ${process.version}: ${ms(run.rssNodeMb)} MB.
`);
}

const renderResult = await measureRender(10_000);
const { plain, annotated } = await measureAnnotations(1000);
const plainMs = plain.translate + plain.render;
const annotatedMs = annotated.translate + annotated.render;
const text = `# Benchmarks

Written by \`npm run bench\`. Ratios within one run are comparable; milliseconds are this machine's.

Machine: ${cpus().length} × ${await cpuModel()}, ${(totalmem() / 2 ** 30).toFixed(0)} GB, Node ${process.version}.

## One change to live

The floor is measured beside it, on the same text with the same nginx: what \`nginx -t\` takes and then SIGHUP until a
new worker answers. "Verified" adds the 250 ms in which no old worker may answer any more. Aim: verified within
1.3 × floor + 250 ms.

${sections.join('\n')}
## Render

| 10,000 servers, 3 locations each | ms |
|---|---|
| translate | ${ms(renderResult.translateMs)} |
| full render (${renderResult.megabytes.toFixed(1)} MB), first | ${ms(renderResult.firstMs)} |
| full render, nothing remembered (median of 5) | ${ms(renderResult.fullMs)} |
| render after one server changed (median of 5) | ${ms(renderResult.oneMs)} |
| **one changed ÷ full** | **${(renderResult.oneMs / renderResult.fullMs).toFixed(2)}** |
| emit lint, full | ${ms(renderResult.lintMs)} |
| emit lint after one server changed | ${ms(renderResult.lintOneMs)} |

Aim: a full render of 10,000 servers within 1 s.

## Annotations

| 1,000 Ingresses, 3 paths each | translate, ms | render, ms | together, ms |
|---|---|---|---|
| plain | ${ms(plain.translate)} | ${ms(plain.render)} | ${ms(plainMs)} |
| ten annotations on each | ${ms(annotated.translate)} | ${ms(annotated.render)} | ${ms(annotatedMs)} |
| **annotated ÷ plain** | | **${(annotated.render / plain.render).toFixed(2)}** | **${(annotatedMs / plainMs).toFixed(2)}** |

Aim: at most 2.

## First sync from the API server

From a fake API server in a process of its own (\`node bench/api-sync.ts\`), the shortest of three runs each. The image
starts Node with the flag that is named. Aims: loop delay p99 below 50 ms, RSS below 250 MB, a sync below 10 s.

${await measureFirstSync(10_000)}
`;
await writeFile(path.join(import.meta.dirname, 'README.md'), text);
console.log(text);
