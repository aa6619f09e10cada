import { formatProblem } from '../cluster/manifests/problem.ts';
import { withTemplateVerdict } from '../controller/template-verdict.ts';
import { makeCertificate } from '../nginx/default-certificate.ts';
import { assumedCapabilities, installedNginx, openOneShot } from './one-shot.ts';
import type { CommonOptions } from './program.ts';
import { chooseStateDir, readSettings } from './settings.ts';
import { verdictText } from './verdict-text.ts';

/**
 * Prints nginx.conf on stdout and a verdict per object on stderr. Nothing is written: the paths in it are those of
 * the state folder that `run` would use.
 * @returns 1 where a path or file of manifests has a problem; 0 also where objects are not fully served: `check` tells
 * that, and has nginx test the text
 */
export async function render(options: CommonOptions): Promise<number> {
  const { config } = await readSettings(options);
  const installed = await installedNginx(config.nginx.binaryPath);
  if (installed === null) {
    console.error(
      `no nginx at "${config.nginx.binaryPath}": rendering for nginx ${assumedCapabilities.version}`,
    );
  }
  const { manifests, pipeline, snapshot, extensions } = await openOneShot(config, {
    stateDir: chooseStateDir(config),
    capabilities: installed ?? assumedCapabilities,
    defaultCertificate: await makeCertificate(),
  });
  const built = pipeline.build(snapshot, new Map(), Date.now());
  for (const problem of manifests.problems) {
    console.error(formatProblem(problem));
  }
  for (const verdict of withTemplateVerdict(built.verdicts, extensions)) {
    console.error(verdictText(verdict));
  }
  process.stdout.write(built.candidate.text);
  return manifests.problems.length === 0 ? 0 : 1;
}
