import { Command, CommanderError } from 'commander';
import { exitCodeOf, isGatewayError } from '../errors.ts';
import { version } from '../version.ts';

/** Reads an option that may be given more than once. */
function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

const exitCodes = `
Exit codes:
  0   done; for check: every object is fully served
  1   check: an object is not fully served
  2   wrong use of the command line
  70  a bug    74  input or output    75  try again    78  configuration

Every error has a code (CNG_…); docs/errors.md explains each.`;

/**
 * Reads the command line and runs the command.
 * @returns the exit code; errors have been printed
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('cng')
    .description('Cloud-native gateway: renders, tests and reloads nginx from Kubernetes Ingresses.')
    .version(version)
    .showHelpAfterError('(run with --help for the usage)')
    .exitOverride()
    .addHelpText('after', exitCodes);

  program
    .command('run')
    .description('serve traffic: watch the objects, and bring every change to nginx')
    .option('-c, --config <file>', 'the config file (docs/configuration.md)')
    .option(
      '-m, --manifests <path>',
      'a file or folder of Kubernetes YAML; may be given more than once',
      collect,
      [],
    )
    .action(async (options: CommonOptions) => {
      const { run } = await import('./run.ts');
      exitCode = await run(options);
    });

  program
    .command('render')
    .description('print nginx.conf for some manifests, and a verdict per object on stderr')
    .requiredOption(
      '-m, --manifests <path>',
      'a file or folder of Kubernetes YAML; may be given more than once',
      collect,
      [],
    )
    .option('-c, --config <file>', 'the config file (docs/configuration.md)')
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
    .option('-c, --config <file>', 'the config file (docs/configuration.md)')
    .option('--json', 'print the verdicts as JSON')
    .action(async (options: CommonOptions & { readonly json?: true }) => {
      const { check } = await import('./check.ts');
      exitCode = await check(options);
    });

  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has printed it; help and --version come here as well, with 0.
      return error.exitCode === 0 ? 0 : 2;
    }
    printError(error);
    return exitCodeOf(error);
  }
}

/** What run, render and check have in common. */
export interface CommonOptions {
  readonly config?: string;
  readonly manifests: readonly string[];
}

function printError(error: unknown): void {
  if (!isGatewayError(error)) {
    console.error('cng: internal error (CNG_INTERNAL): this is a bug, please report it');
    console.error(error);
    return;
  }
  console.error(`cng: ${error.message} (${error.code})`);
  const lines = error.fields['errors'];
  if (Array.isArray(lines)) {
    for (const line of lines) {
      console.error(`  ${String(line)}`);
    }
  }
  console.error(`  ${error.remedy}`);
}
