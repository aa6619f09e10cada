import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatProblem } from '../cluster/manifests/problem.ts';
import { allKeys } from '../config/sections.ts';
import { gatewayError } from '../errors.ts';
import { withTemplateVerdict } from '../controller/template-verdict.ts';
import { findInstallation } from '../installation.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { Candidate } from '../model/candidate.ts';
import type { Verdict } from '../model/verdict.ts';
import { createApplier } from '../nginx/apply.ts';
import type { Quarantine } from '../nginx/apply-result.ts';
import { makeCertificate } from '../nginx/default-certificate.ts';
import { candidateLinter } from '../nginx/lint-candidate.ts';
import { assumedCapabilities, installedNginx, openOneShot, type OneShot } from './one-shot.ts';
import type { CommonOptions } from './program.ts';
import { readSettings } from './settings.ts';
import { isFullyServed, verdictText } from './verdict-text.ts';

const defaultBinary = allKeys.find(({ dotted }) => dotted === 'nginx.binary_path')?.definition.fallback;

/** Milliseconds, as for `run`. */
const testMs = 60_000;

/** What `--json` prints. */
interface Report {
  readonly verdicts: readonly Verdict[];
  readonly problems: OneShot['manifests']['problems'];
  /** The version that tested the result; null where there is no nginx. */
  readonly testedBy: string | null;
  /** Why the result as a whole would not be served; null where it would. */
  readonly fault: string | null;
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
async function nginxToTestWith(binary: string): Promise<Capabilities | null> {
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
    const { problems } = shot.manifests;
    const byCandidate = new WeakMap<Candidate, readonly Verdict[]>();
    const now = Date.now();

    async function build(without: Quarantine | 'skeleton'): Promise<Candidate> {
      const snapshot = without === 'skeleton' ? emptied(shot.snapshot) : shot.snapshot;
      const built = shot.pipeline.build(snapshot, without === 'skeleton' ? new Map() : without, now);
      byCandidate.set(built.candidate, withTemplateVerdict(built.verdicts, shot.extensions));
      return built.candidate;
    }

    if (installed === null) {
      const candidate = await build(new Map());
      return { verdicts: byCandidate.get(candidate) ?? [], problems, testedBy: null, fault: null };
    }
    const applier = createApplier({
      binary: config.nginx.binaryPath,
      stateDir,
      configPath: join(stateDir, 'nginx.conf'),
      reloadScript: findInstallation().reloadScript,
      lint: candidateLinter(stateDir, capabilities),
      logger: { info: ignore, warn: ignore },
      deadlines: { testMs, reloadMs: testMs, verifyMs: testMs },
    });
    await applier.start();
    const result = await applier.check(build);
    return {
      verdicts: byCandidate.get(result.candidate) ?? [],
      problems,
      testedBy: installed.version,
      fault: result.outcome === 'failed' ? (result.fault?.message ?? 'the test failed') : null,
    };
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

function emptied(snapshot: OneShot['snapshot']): OneShot['snapshot'] {
  const none = new Map();
  return {
    ...snapshot,
    ingresses: [],
    ingressClasses: none,
    services: none,
    endpointSlices: none,
    endpoints: none,
    secrets: none,
    configMaps: none,
    findings: [],
  };
}

function ignore(): void {
  // The result says it.
}
