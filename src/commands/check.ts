import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatProblem } from '../cluster/manifests/problem.ts';
import { allKeys } from '../config/sections.ts';
import { withTemplateVerdict } from '../controller/template-verdict.ts';
import { gatewayError } from '../errors.ts';
import type { Capabilities } from '../model/capabilities.ts';
import { makeCertificate } from '../nginx/default-certificate.ts';
import { judge, type Judgement } from './judge.ts';
import { assumedCapabilities, installedNginx, openOneShot, type OneShot } from './one-shot.ts';
import type { CommonOptions } from './program.ts';
import { readSettings } from './settings.ts';
import { isFullyServed, verdictText } from './verdict-text.ts';

const defaultBinary = allKeys.find(({ dotted }) => dotted === 'nginx.binary_path')?.definition.fallback;

/** What `--json` prints. */
interface Report extends Judgement {
  readonly problems: OneShot['manifests']['problems'];
}

/**
 * Prints a verdict per object, and has nginx test the result where there is an nginx.
 * @returns 1 where an object is not fully served, a manifest has a problem, or the test failed; else 0
 */
export async function check(options: CommonOptions & { readonly json?: true }): Promise<number> {
  const report = await makeReport(options);
  const { verdicts, problems, testedBy, fault } = report;
  if (options.json) {
    console.log(JSON.stringify(report, null, 2));
  } else {
    for (const problem of problems) {
      console.log(`problem                ${formatProblem(problem)}`);
    }
    for (const verdict of verdicts) {
      console.log(verdictText(verdict));
    }
    const served = verdicts.filter(isFullyServed).length;
    const tested = testedBy === null ? 'not tested: no nginx' : `tested by nginx ${testedBy}`;
    console.log(`${served} of ${verdicts.length} objects are fully served or not ours (${fault ?? tested})`);
  }
  return verdicts.every(isFullyServed) && problems.length === 0 && fault === null ? 0 : 1;
}

/**
 * What the nginx of the config can do; null where there is none under the default name. One that somebody has named
 * is expected to test.
 * @throws GatewayError CNG_NGINX_NOT_FOUND
 */
export async function nginxToTestWith(binary: string): Promise<Capabilities | null> {
  const installed = await installedNginx(binary);
  if (installed === null && binary !== defaultBinary) {
    throw gatewayError('CNG_NGINX_NOT_FOUND', { binary });
  }
  return installed;
}

async function makeReport(options: CommonOptions): Promise<Report> {
  const { config } = await readSettings(options);
  const installed = await nginxToTestWith(config.nginx.binaryPath);
  const capabilities = installed ?? assumedCapabilities;
  // A folder of its own: a check beside a running gateway must not touch what that one serves from.
  const stateDir = await mkdtemp(join(tmpdir(), 'cng-check-'));
  try {
    const shot = await openOneShot(config, {
      stateDir,
      capabilities,
      defaultCertificate: await makeCertificate(),
    });
    const { manifests, pipeline, snapshot, extensions } = shot;
    const binary = config.nginx.binaryPath;
    const judged = await judge(snapshot, { pipeline, binary, installed, stateDir });
    const verdicts = withTemplateVerdict(judged.verdicts, extensions);
    return { ...judged, verdicts, problems: manifests.problems };
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}
