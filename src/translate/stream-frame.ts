import type { Capabilities } from '../model/capabilities.ts';
import type { StreamSettings } from '../model/model.ts';
import type { Token } from '../model/token.ts';
import { file } from '../model/words.ts';
import type { Options } from '../options/options.ts';
import type { IngressPlan } from './ingress.ts';
import { logTargetsOf } from './log-targets.ts';
import type { TranslateSettings } from './settings.ts';

/** The stream context, but for its servers. `plans` are in order of age; closed ones add nothing. */
export function streamSettings(
  { stateDir }: TranslateSettings,
  { streamRealip }: Capabilities,
  options: Options,
  plans: readonly IngressPlan[],
): StreamSettings {
  const isSilent = options['disable-access-log'] || options['disable-stream-access-log'];
  return {
    accessLogPath: isSilent ? null : file(`${stateDir}/logs/stream.log`),
    moreAccessLogs: logTargetsOf(options).stream,
    trustedProxies: options['enable-real-ip'] && streamRealip ? options['proxy-real-ip-cidr'] : [],
    additions: plans.filter(({ closed }) => !closed).flatMap((plan) => plan.streams),
  };
}

/** The module that stream takes, where nginx does not have it built in. */
export function streamModules({ stream }: Capabilities, isNeeded: boolean): Token<'file'>[] {
  return isNeeded && typeof stream === 'object' ? [file(stream.modulePath)] : [];
}
