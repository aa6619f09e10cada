import { readFile, rm, writeFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { RunningGateway } from '../../test/support/gateway.ts';
import { http } from '../../test/support/http-client.ts';
import { handshake } from '../../test/support/tls.ts';
import { holdingsOf, leaksOf, straysOf, type Holdings } from './leaks.ts';
import { until } from './until.ts';
import {
  answerTemplate,
  guardedHost,
  markedHost,
  markPlugin,
  putFile,
  secureHost,
  settleMs,
  type World,
} from './world.ts';

/** What was found wrong at the end, and what was held. */
export interface EndReport {
  readonly problems: readonly string[];
  readonly worn: Holdings;
  readonly fresh: Holdings;
}

/** A verdict as the debug endpoint shows it. */
interface ShownVerdict {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly state: string;
}

/** Waits until what is served is what the world says, host by host. Returns what is not, after a long while. */
export async function settle(world: World, mark: string): Promise<string[]> {
  await putFile(world.templates, 'answer.hbs', answerTemplate(mark));
  await putFile(world.plugins, 'mark.plugin.js', markPlugin(mark));
  const wrong = new Map<string, string>();
  try {
    await until('every host answers as it should', settleMs, async () => {
      wrong.clear();
      for (const [host, status] of world.expected) {
        const { status: got } = await world.gateway.get(host);
        if (got !== status) {
          wrong.set(host, `${host} answers ${got}, and should answer ${status}`);
        }
      }
      await checkOthers(world, mark, wrong);
      return wrong.size === 0;
    });
  } catch (error) {
    return [...(wrong.size === 0 ? [String(error)] : wrong.values()), ...(await whatItSays(world))];
  }
  return [];
}

/** For whoever has to find out why. */
async function whatItSays({ gateway }: World): Promise<string[]> {
  const worries = gateway.log.filter(({ level }) => level === 'warn' || level === 'error');
  const page = await gateway
    .debug('/debug/template')
    .catch((error: unknown) => ({ extensions: String(error) }));
  return [
    `the gateway said last: ${worries
      .slice(-12)
      .map((line) => `\n    ${JSON.stringify(line)}`)
      .join('')}`,
    `of templates and plugins: ${JSON.stringify((page as { extensions: unknown }).extensions)}`,
  ];
}

async function checkOthers(world: World, mark: string, wrong: Map<string, string>): Promise<void> {
  const { gateway, pair } = world;
  const serial = (await handshake({ port: gateway.httpsPort, servername: secureHost })).serial;
  if (serial !== pair.serial) {
    wrong.set('certificate', `${secureHost} shows the certificate ${serial}, and should show ${pair.serial}`);
  }
  const marked = (await gateway.get(markedHost)).headers['x-mark'];
  if (marked !== mark) {
    wrong.set(
      'plugin',
      `${markedHost} has the mark ${String(marked)} of the plugin, and should have ${mark}`,
    );
  }
  const template = (await gateway.get('nobody.soak')).headers['x-template'];
  if (template !== mark) {
    wrong.set('template', `the template in force is ${String(template)}, and should be ${mark}`);
  }
  const ready = (await gateway.health('/ready')).body;
  if (ready !== '{"status":"ready"}') {
    wrong.set('ready', `/ready says ${ready}`);
  }
  const authorization = `Basic ${Buffer.from('user:soak').toString('base64')}`;
  const { status } = await http({ port: gateway.httpPort, host: guardedHost, headers: { authorization } });
  if (status !== 200) {
    wrong.set('password', `${guardedHost} answers ${status} to the right password`);
  }
}

/**
 * Compares what is served with what a gateway builds that has been through nothing: it is started in the place of this
 * one, with an empty state folder. Both have ended afterwards.
 */
export async function compareWithFresh(world: World): Promise<EndReport> {
  const problems: string[] = [];
  const { gateway } = world;
  // Old workers end first, and connections that were idle.
  const worn = await settledHoldings(gateway);
  const wornText = await servedText(gateway);
  const wornVerdicts = await verdictsOf(gateway);
  await end(gateway, problems);
  // Only what has no source in the cluster may stay: the certificate that the gateway has made itself.
  const own = path.join(gateway.stateDir, 'default-certificate.pem');
  const certificate = await readFile(own);
  await rm(gateway.stateDir, { recursive: true });
  await mkdir(gateway.stateDir);
  await writeFile(own, certificate, { mode: 0o600 });
  await world.restart();
  const fresh = await settledHoldings(world.gateway);
  problems.push(...differences('nginx.conf', wornText, await servedText(world.gateway)));
  problems.push(...differences('the verdicts', wornVerdicts, await verdictsOf(world.gateway)));
  await end(world.gateway, problems);
  return { problems: [...problems, ...leaksOf(worn, fresh)], worn, fresh };
}

async function settledHoldings(gateway: RunningGateway): Promise<Holdings> {
  let last = await holdingsOf(gateway);
  await until('only workers of the live generation run', settleMs, async () => {
    last = await holdingsOf(gateway);
    return last.workers <= 2 && last.strays.length === 0 && last.candidates === 0;
  }).catch((error: unknown) => {
    // What is left is told as a leak.
    console.error(String(error));
  });
  return last;
}

async function servedText(gateway: RunningGateway): Promise<string[]> {
  return (await gateway.debugText('/debug/config')).body.split('\n');
}

async function verdictsOf(gateway: RunningGateway): Promise<string[]> {
  const verdicts = (await gateway.debug('/debug/objects')) as ShownVerdict[];
  return verdicts.map(({ kind, namespace, name, state }) => `${kind}/${namespace}/${name}: ${state}`);
}

/** The first few lines that only one of them has. */
function differences(what: string, worn: readonly string[], fresh: readonly string[]): string[] {
  const [ours, theirs] = [new Set(worn), new Set(fresh)];
  const only = [
    ...worn.filter((line) => !theirs.has(line)).map((line) => `- ${line}`),
    ...fresh.filter((line) => !ours.has(line)).map((line) => `+ ${line}`),
  ];
  if (only.length > 0) {
    return [`${what}: not what a fresh start builds (+): ${only.slice(0, 12).join('\n    ')}`];
  }
  return worn.join('\n') === fresh.join('\n') ? [] : [`${what}: the same lines in another order`];
}

async function end(gateway: RunningGateway, problems: string[]): Promise<void> {
  const code = await gateway.stop();
  if (code !== 0) {
    problems.push(`the gateway ended with ${code}`);
  }
  problems.push(...(await straysOf(gateway, [])).map((one) => `a process outlives the gateway: ${one}`));
}
