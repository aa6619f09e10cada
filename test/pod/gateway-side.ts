/**
 * What runs in the gateway's container in these tests: the real applier, which reads commands, one JSON object a
 * line, from its standard input, and prints a JSON object for each.
 *
 *     node gateway-side.ts BINARY RELOAD_SCRIPT STATE_DIR CONFIG PORT
 */
import { createInterface } from 'node:readline';
import { createApplier } from '../../src/nginx/apply.ts';
import { detectCapabilities } from '../../src/nginx/capabilities.ts';
import { prepareStateDirectory } from '../../src/nginx/state-directory.ts';
import { hostServer, syntheticWorld } from '../support/synthetic-world.ts';

export type GatewayCommand =
  /** Serves `answer` on `run/http.sock` in the state folder and on the port; `bad` adds an object nginx refuses. */
  | { readonly do: 'apply'; readonly answer: string; readonly bad?: boolean }
  | { readonly do: 'capabilities' }
  | { readonly do: 'live' }
  | { readonly do: 'stop' }
  | { readonly do: 'get' };

const [binary = '', reloadScript = '', stateDir = '', configPath = '', port = ''] = process.argv.slice(2);
await prepareStateDirectory(stateDir);
const logged: string[] = [];
function log(message: string, fields: object = {}): void {
  logged.push(`${message} ${JSON.stringify(fields)}`);
}
const applier = createApplier({
  binary,
  stateDir,
  configPath,
  reloadScript,
  lint: () => [],
  logger: { info: log, warn: log },
  deadlines: { testMs: 20_000, reloadMs: 20_000, verifyMs: 10_000 },
  quietMs: 60,
});
const world = syntheticWorld(stateDir, Number(port));
const found = await applier.start();
console.log(JSON.stringify({ started: found }));

async function apply(answer: string, bad: boolean): Promise<object> {
  world.objects.clear();
  world.objects.set('Ingress/pod/good', {
    lines: [
      'server {',
      `  listen unix:${stateDir}/run/http.sock;`,
      `  location / { return 200 "${answer}"; }`,
      '}',
      ...hostServer(world.port, '127.0.0.1'),
    ],
  });
  if (bad) {
    world.objects.set('Ingress/pod/bad', { lines: ['no_such_directive on;'] });
  }
  const { outcome, generation, fault, added, quarantined } = await applier.apply(world.build, new Map());
  return { outcome, generation, fault, added, reasons: [...quarantined.values()], logged };
}

async function carryOut(command: GatewayCommand): Promise<object> {
  switch (command.do) {
    case 'capabilities':
      return await detectCapabilities({ binary });
    case 'live':
      return { live: await applier.liveGeneration() };
    case 'stop':
      return { result: await applier.stop({ drainMs: 10_000 }), logged };
    case 'get': {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
      return { status: response.status, body: await response.text() };
    }
    case 'apply':
      return await apply(command.answer, command.bad ?? false);
    default:
      throw new TypeError(`unknown command ${JSON.stringify(command)}`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await carryOut(JSON.parse(line) as GatewayCommand)));
}
