import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually } from './gateway.ts';
import { http } from './http-client.ts';
import { freePort } from './ports.ts';
import { makeTemporaryDirectory } from './temp-dir.ts';

/** EX_UNAVAILABLE: scripts/setup-prometheus.sh has no Prometheus and cannot get one. */
const unavailable = 69;

export type FoundPrometheus =
  { readonly prometheus: string; readonly promtool: string } | { readonly missing: string };

/**
 * Prometheus and promtool, fetched where there are none yet.
 * @throws Error where they could be had and that failed
 */
export function findPrometheus(): FoundPrometheus {
  const script = join(import.meta.dirname, '../../scripts/setup-prometheus.sh');
  const { status, stdout, stderr } = spawnSync(script, { encoding: 'utf8', timeout: 280_000 });
  const [prometheus, promtool] = stdout.trim().split('\n');
  if (status === 0 && prometheus !== undefined && promtool !== undefined) {
    return { prometheus, promtool };
  }
  if (status === unavailable) {
    return { missing: `NOT RUN against Prometheus: ${stderr.trim()}` };
  }
  throw new Error(`scripts/setup-prometheus.sh failed: ${stderr.trim()}`);
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, value: string];
}

export interface PrometheusRule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

/** A Prometheus with a database of its own. */
export interface Prometheus {
  /** What an expression gives now. @throws Error with Prometheus's words where it does not understand it */
  query(expression: string): Promise<readonly Sample[]>;
  labelValues(label: string, selector: string): Promise<readonly string[]>;
  rules(): Promise<readonly PrometheusRule[]>;
}

export interface PrometheusOptions {
  readonly binary: string;
  readonly job: string;
  /** Ports of 127.0.0.1 with `/metrics`. */
  readonly ports: readonly number[];
  readonly ruleFiles: readonly string[];
}

/** Starts Prometheus, scraping and evaluating each second, and waits until it answers. It ends with the test. */
export async function startPrometheus(
  t: Pick<TestContext, 'after'>,
  { binary, job, ports, ruleFiles }: PrometheusOptions,
): Promise<Prometheus> {
  const { folder, remove } = await makeTemporaryDirectory();
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ruleFiles,
    scrape_configs: [
      {
        job_name: job,
        honor_labels: true,
        static_configs: [{ targets: ports.map((port) => `127.0.0.1:${port}`) }],
      },
    ],
  };
  const configFile = join(folder, 'prometheus.json');
  await writeFile(configFile, JSON.stringify(config));
  const port = await freePort();
  const args = [
    `--config.file=${configFile}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
  ];
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4000);
  });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await remove();
  });

  async function ask(path: string): Promise<unknown> {
    const { body } = await http({ port, path: `/api/v1/${path}` });
    const answer = JSON.parse(body) as { status: string; data: unknown; error?: string };
    if (answer.status !== 'success') {
      throw new Error(`${decodeURIComponent(path)}: ${answer.error}`);
    }
    return answer.data;
  }

  await eventually('Prometheus is ready', async () => {
    if (child.exitCode !== null) {
      throw new Error(`Prometheus ended with ${child.exitCode}: ${log}`);
    }
    return (await http({ port, path: '/-/ready' }).catch(() => null))?.status === 200;
  });
  return {
    query: async (expression) => {
      const data = (await ask(`query?query=${encodeURIComponent(expression)}`)) as { result: Sample[] };
      return data.result;
    },
    labelValues: async (label, selector) =>
      (await ask(`label/${label}/values?match[]=${encodeURIComponent(selector)}`)) as string[],
    rules: async () => {
      const { groups } = (await ask('rules')) as { groups: { rules: PrometheusRule[] }[] };
      return groups.flatMap(({ rules }) => rules);
    },
  };
}
