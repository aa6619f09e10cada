import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { exitCodeOf, isGatewayError } from '../errors.ts';
import { version } from '../version.ts';
import { watchOutput } from './output.ts';

/** Reads an option that may be given more than once. */
function collect(value: string, before: readonly string[]): string[] {
  return [...before, notEmpty(value)];
}

/** An empty path would be the current folder, when it came from a variable that is not set. */
function notEmpty(value: string): string {
  if (value === '') {
    throw new InvalidArgumentError('It is empty: give a path.');
  }
  return value;
}

/** A name of objects with room for what is put behind it. */
function objectName(value: string): string {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?![^])/u.test(value)) {
    throw new InvalidArgumentError('Write at most 63 lower-case letters, digits and "-".');
  }
  return value;
}

const renderHelp = `
The text names certificates and password files that only run writes, so nginx -t on it fails.
To have nginx test it, use check: it writes all of them into a temporary folder.`;

const policyHelp = `
The policies are generated from the table of annotations and the config file. An Ingress of the served class that the
gateway would refuse or close is denied (--action); one that it would serve with a difference is let in with a warning
(--remarks). Manifests are read for the options ConfigMap (annotations-risk-level) and for IngressClasses.

  cng policy -c gateway.yaml | kubectl apply --server-side -f -`;

const auditHelp = `
Reads Ingresses, IngressClasses, the ConfigMap and the flags of every ingress-nginx controller (Deployments, DaemonSets
and StatefulSets) and prints per flag and object whether it is served the same, with a difference, or not, and what to
do. Secrets and Services that were not given are taken as they should be. In a cluster nothing is written.

  kubectl get ingress,ingressclass,service,configmap,deployment,daemonset -A -o yaml > installation.yaml
  cng audit --manifests installation.yaml

Exit codes of its own: 0 all the same; 1 something differs or could not be judged or read; 2 something is not served
(2 without any output on stdout is a wrong use of the command line).`;

const explainHelp = `
Says which server and location take the request and why the others do not, what happens step by step, and what comes of
it. Headers are given as 'Name: value'; Host may be one of them. Values of credentials are not shown.

  cng explain https://shop.example.com/cart --header 'X-Canary: always' --manifests ./manifests
  kubectl port-forward POD 8081 & cng explain http://shop.example.com/ --debug-url http://127.0.0.1:8081

Exit codes of its own: 0 explained, whatever becomes of the request; 1 explained, but a manifest cannot be read;
2 the URL or another argument is wrong; 75 the running program does not answer.`;

const exitCodes = `
Exit codes:
  0   done; for check: every object is fully served
  1   check: an object is not fully served; audit: something differs; render, check, policy: a manifest cannot be read
  2   wrong use of the command line; audit: something is not served
  70  a bug    74  input or output    75  try again    78  configuration

Every error has a code (CNG_…); docs/errors.md explains each.`;

/**
 * Reads the command line and runs the command.
 * @returns the exit code; errors have been printed
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  const output = watchOutput();
  const { exitCode, hasServed } = await parseAndRun(args);
  if (hasServed) {
    // What `run` prints is its log, which may be lost without an effect on traffic.
    return exitCode;
  }
  try {
    await output.finish();
    return exitCode;
  } catch (error) {
    printError(error);
    return exitCodeOf(error);
  }
}

async function parseAndRun(args: readonly string[]): Promise<{ exitCode: number; hasServed: boolean }> {
  let exitCode = 0;
  let hasServed = false;
  const program = new Command('cng')
    .description('Cloud-native gateway: renders, tests and reloads nginx from Kubernetes Ingresses.')
    .version(version)
    .showHelpAfterError('(run with --help for the usage)')
    .exitOverride()
    .addHelpText('after', exitCodes);

  program
    .command('run')
    .description('serve traffic: watch the objects, and bring every change to nginx')
    .option('-c, --config <file>', 'the config file (docs/configuration.md)', notEmpty)
    .option(
      '-m, --manifests <path>',
      'a file or folder of Kubernetes YAML; may be given more than once',
      collect,
      [],
    )
    .action(async (options: CommonOptions) => {
      hasServed = true;
      const { run } = await import('./run.ts');
      exitCode = await run(options);
    });

  program
    .command('render')
    .description('print nginx.conf for some manifests, and a verdict per object on stderr')
    .addHelpText('after', renderHelp)
    .requiredOption(
      '-m, --manifests <path>',
      'a file or folder of Kubernetes YAML; may be given more than once',
      collect,
      [],
    )
    .option('-c, --config <file>', 'the config file (docs/configuration.md)', notEmpty)
    .action(async (options: CommonOptions) => {
      const { render } = await import('./render.ts');
      exitCode = await render(options);
    });

  program
    .command('check')
    .description('print a verdict per object, test the result with nginx -t where there is an nginx')
    .requiredOption(
      '-m, --manifests <path>',
      'a file or folder of Kubernetes YAML; may be given more than once',
      collect,
      [],
    )
    .option('-c, --config <file>', 'the config file (docs/configuration.md)', notEmpty)
    .option('--json', 'print the verdicts as JSON')
    .action(async (options: CommonOptions & { readonly json?: true }) => {
      const { check } = await import('./check.ts');
      exitCode = await check(options);
    });

  program
    .command('policy')
    .description('print a ValidatingAdmissionPolicy that rejects at apply time what would not be served')
    .addHelpText('after', policyHelp)
    .option('-c, --config <file>', 'the config file (docs/configuration.md)', notEmpty)
    .option(
      '-m, --manifests <path>',
      'a file or folder of Kubernetes YAML; may be given more than once',
      collect,
      [],
    )
    .addOption(
      new Option('--action <action>', 'what the API server does with what would be refused or closed')
        .choices(['deny', 'warn', 'audit'])
        .default('deny'),
    )
    .addOption(
      new Option('--remarks <action>', 'what it does with what would be served with a difference')
        .choices(['deny', 'warn', 'audit', 'off'])
        .default('warn'),
    )
    .option('--name <name>', 'of the policy and its binding', objectName, 'cloud-native-gateway')
    .action(async (options: PolicyOptions) => {
      const { policy } = await import('./policy.ts');
      exitCode = await policy(options);
    });

  program
    .command('audit')
    .description('say of an existing ingress-nginx installation what would be served the same here')
    .addHelpText('after', auditHelp)
    .option(
      '-m, --manifests <path>',
      'a file or folder of Kubernetes YAML; may be given more than once',
      collect,
      [],
    )
    .option('--kubeconfig <file>', 'a cluster, which is only read', notEmpty)
    .option(
      '-c, --config <file>',
      'the config file of the gateway: its nginx, plugins and templates judge',
      notEmpty,
    )
    .option('--json', 'print the report as JSON')
    .action(async (options: AuditOptions) => {
      const { audit } = await import('./audit.ts');
      exitCode = await audit(options);
    });

  program
    .command('explain')
    .description('say what nginx does with a request: who takes it, why, and what happens step by step')
    .argument('<url>', 'for example http://shop.example.com/cart')
    .addHelpText('after', explainHelp)
    .option('--method <method>', 'of the request', 'GET')
    .option(
      '--header <line>',
      "'Name: value'; may be given more than once",
      (value: string, before: readonly string[]) => [...before, value],
      [] as readonly string[],
    )
    .option('--client <address>', 'the IP address that the connection comes from')
    .option(
      '-m, --manifests <path>',
      'a file or folder of Kubernetes YAML; may be given more than once',
      collect,
      [],
    )
    .option('--debug-url <url>', 'a running program, for example http://127.0.0.1:8081', notEmpty)
    .option('--token-file <file>', 'with a bearer token for it, where it asks for one', notEmpty)
    .option('-c, --config <file>', 'the config file (docs/configuration.md)', notEmpty)
    .option('--json', 'print the explanation as JSON')
    .action(async (url: string, options: ExplainOptions) => {
      const { explain } = await import('./explain.ts');
      exitCode = await explain(url, options);
    });

  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has printed it; help and --version come here as well, with 0.
      exitCode = error.exitCode === 0 ? 0 : 2;
    } else {
      printError(error);
      exitCode = exitCodeOf(error);
    }
  }
  return { exitCode, hasServed };
}

/** What run, render and check have in common. */
export interface CommonOptions {
  readonly config?: string;
  readonly manifests: readonly string[];
}

/** What audit is told. */
export interface AuditOptions extends CommonOptions {
  readonly kubeconfig?: string;
  readonly json?: true;
}

/** What explain is told beside the URL. */
export interface ExplainOptions extends CommonOptions {
  readonly method: string;
  readonly header: readonly string[];
  readonly client?: string;
  readonly debugUrl?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

/** What policy is told beside. */
export interface PolicyOptions extends CommonOptions {
  readonly action: 'deny' | 'warn' | 'audit';
  readonly remarks: 'deny' | 'warn' | 'audit' | 'off';
  readonly name: string;
}

function printError(error: unknown): void {
  if (!isGatewayError(error)) {
    console.error('cng: internal error (CNG_INTERNAL): this is a bug, please report it');
    console.error(error);
    return;
  }
  console.error(`cng: ${error.message} (${error.code})`);
  const lines = error.fields['errors'];
  // The message has the only one already.
  if (Array.isArray(lines) && lines.length > 1) {
    for (const line of lines) {
      console.error(`  ${String(line)}`);
    }
  }
  console.error(`  ${error.remedy}`);
}
