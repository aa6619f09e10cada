import { findFiles } from '../cluster/manifests/file-tree.ts';
import { parseDocuments } from '../cluster/manifests/documents.ts';
import { formatProblem } from '../cluster/manifests/problem.ts';
import { readEach } from '../cluster/manifests/read-file.ts';
import { readManifests } from '../cluster/manifests/read-manifests.ts';
import { at, textAt } from '../cluster/kubernetes/api-json.ts';
import { isWorkload } from './controllers.ts';
import type { AuditWorld } from './world.ts';

/** Deeper lists of lists than `kubectl` makes are nobody's. */
const deepest = 5;

/** Reads an installation from files and folders of YAML or JSON, as `kubectl get -o yaml` or `helm template` write. */
export async function readManifestWorld(paths: readonly string[]): Promise<AuditWorld> {
  const { objects, findings, problems } = await readManifests(paths);
  const workloads: unknown[] = [];
  const { files } = await findFiles(paths);
  // Pipes were read once already and have nothing more to give; their workloads are told as missing.
  await readEach(
    files.filter(({ regular }) => regular),
    ({ file }, read) => {
      if (read.outcome === 'text') {
        for (const { value } of parseDocuments(read.text, file).documents) {
          workloads.push(...workloadsIn(value, deepest));
        }
      }
    },
  );
  const piped = files
    .filter(({ regular, outright }) => !regular && outright)
    .map(({ file }) => `${file}: Deployments in a pipe are not seen: give a file`);
  return {
    origin: 'manifests',
    objects,
    findings,
    workloads,
    problems: [...problems.map(formatProblem), ...piped],
  };
}

function workloadsIn(value: unknown, depth: number): unknown[] {
  const items = at(value, 'items');
  if (depth > 0 && textAt(value, 'kind').endsWith('List') && Array.isArray(items)) {
    const kind = textAt(value, 'kind').slice(0, -'List'.length);
    const typed = kind === '' ? {} : { kind, apiVersion: textAt(value, 'apiVersion') };
    return items.flatMap((item: unknown) =>
      workloadsIn(typeof item === 'object' && item !== null ? { ...typed, ...item } : item, depth - 1),
    );
  }
  return isWorkload(value) ? [value] : [];
}
