import { at, textAt } from '../cluster/kubernetes/api-json.ts';

/** A workload that runs ingress-nginx, or the one that is assumed where none was given. */
export interface FoundController {
  /** `Deployment/ingress-nginx/controller`; empty for the assumed one. */
  readonly workload: string;
  /** Flags without their dashes, as set; a later one of the same name wins, as in Go. */
  readonly flags: ReadonlyMap<string, string>;
}

const workloadKinds: ReadonlySet<string> = new Set(['Deployment', 'DaemonSet', 'StatefulSet']);

/** Whether an object is one in which a controller may run. */
export function isWorkload(raw: unknown): boolean {
  return workloadKinds.has(textAt(raw, 'kind')) && textAt(raw, 'apiVersion').startsWith('apps/');
}

/** The program of ingress-nginx, and the images it comes in; F5's controller (`nginx/nginx-ingress`) is another. */
const program = /(?:^|\/)nginx-ingress-controller$/u;
const image =
  /(?:^|\/)(?:ingress-nginx\/controller|nginx-ingress-controller)(?:-chroot)?(?:-[a-z0-9]+)?(?:[:@]|$)/u;

/** The ingress-nginx controllers among some workloads, sorted by name. */
export function findControllers(workloads: readonly unknown[]): FoundController[] {
  const found = workloads.filter(isWorkload).flatMap((workload) =>
    listOf(at(workload, 'spec', 'template', 'spec', 'containers'))
      .filter(isController)
      .map((container) => ({ workload: keyOf(workload), flags: flagsOf(container, workload) })),
  );
  return found.sort((a, b) => (a.workload < b.workload ? -1 : 1));
}

function keyOf(workload: unknown): string {
  return `${textAt(workload, 'kind')}/${namespaceOf(workload)}/${textAt(workload, 'metadata', 'name')}`;
}

function namespaceOf(workload: unknown): string {
  return textAt(workload, 'metadata', 'namespace') || 'default';
}

function isController(container: unknown): boolean {
  return wordsOf(container).some((word) => program.test(word)) || image.test(textAt(container, 'image'));
}

function wordsOf(container: unknown): string[] {
  return [...listOf(at(container, 'command')), ...listOf(at(container, 'args'))].filter(
    (word) => typeof word === 'string',
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** Flags that stand alone where they are true; all others take the next word where they have no `=`. */
const switches: ReadonlySet<string> = new Set([
  'deep-inspect',
  'disable-catch-all',
  'disable-full-test',
  'disable-leader-election',
  'disable-svc-external-name',
  'disable-sync-events',
  'enable-annotation-validation',
  'enable-metrics',
  'enable-ssl-chain-completion',
  'enable-ssl-passthrough',
  'enable-topology-aware-routing',
  'ingress-class-by-name',
  'logtostderr',
  'alsologtostderr',
  'metrics-per-host',
  'metrics-per-undefined-host',
  'profiling',
  'report-node-internal-ip-address',
  'report-status-classes',
  'update-status',
  'update-status-on-shutdown',
  'version',
  'watch-ingress-without-class',
]);

function flagsOf(container: unknown, workload: unknown): Map<string, string> {
  const words = wordsOf(container).map((word) => expand(word, container, workload));
  const flags = new Map<string, string>();
  for (const [index, word] of words.entries()) {
    const match = /^--?([a-z][a-z_0-9-]*?)(?:=(.*))?$/su.exec(word);
    const [, name = '', value] = match ?? [];
    if (match !== null && value !== undefined) {
      flags.set(name, value);
    } else if (match !== null && switches.has(name)) {
      flags.set(name, 'true');
    } else if (match !== null) {
      const next = words[index + 1];
      flags.set(name, next === undefined || next.startsWith('-') ? '' : next);
    }
  }
  return flags;
}

/** `$(NAME)` as the kubelet replaces it: from the container's variables, those of the downward API too. */
function expand(word: string, container: unknown, workload: unknown): string {
  return word.replaceAll(/\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)/gu, (whole, name: string) => {
    const variable = listOf(at(container, 'env')).find((each) => textAt(each, 'name') === name);
    const field = textAt(variable, 'valueFrom', 'fieldRef', 'fieldPath');
    if (field === 'metadata.namespace') {
      return namespaceOf(workload);
    }
    const value = at(variable, 'value');
    return typeof value === 'string' ? value : whole;
  });
}
