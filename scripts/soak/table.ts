import type { SoakReport } from './run.ts';

/** What a soak was, as Markdown: faults, requests, what is held at the end, and what was wrong. */
export function soakTable(version: string, seed: number, report: SoakReport): string {
  const { traffic, worn, fresh, problems } = report;
  const times = [...report.faults.values()].reduce((sum, each) => sum + each, 0);
  const lines = [
    `### nginx ${version}, seed ${seed}: ${times} faults in ${Math.round(report.seconds)} s`,
    '',
    '| Clients | Requests | Lost | Allowed | |',
    '| --- | ---: | ---: | ---: | --- |',
    ...traffic.map(({ clients, sent, lost, allowed, reason }) => {
      return `| ${clients} | ${sent} | ${lost} | ${allowed ?? 'any'} | ${reason} |`;
    }),
    '',
    '| Held at the end | by the one that was there | by one that has just started |',
    '| --- | ---: | ---: |',
    `| gateway: MB, descriptors, threads | ${three(worn.gatewayMb, worn.gatewayDescriptors, worn.gatewayThreads)} | ${three(fresh.gatewayMb, fresh.gatewayDescriptors, fresh.gatewayThreads)} |`,
    `| nginx: MB of the master, its descriptors, workers | ${three(worn.masterMb, worn.masterDescriptors, worn.workers)} | ${three(fresh.masterMb, fresh.masterDescriptors, fresh.workers)} |`,
    `| other processes | ${worn.strays.length} | ${fresh.strays.length} |`,
    '',
    '| Fault | times |',
    '| --- | ---: |',
    ...[...report.faults].map(([name, count]) => `| ${name} | ${count} |`),
    '',
    problems.length === 0
      ? 'Nothing was lost that need not be; what was served is what a fresh start builds.'
      : `WRONG:\n${problems.map((one) => `  - ${one}`).join('\n')}`,
    '',
  ];
  return lines.join('\n');
}

function three(...figures: readonly number[]): string {
  return figures.join(', ');
}
