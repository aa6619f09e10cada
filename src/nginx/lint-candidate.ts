import type { Candidate } from '../model/candidate.ts';
import type { Capabilities } from '../model/capabilities.ts';
import { createLinter, lintOptionsForState, type Violation } from './lint.ts';

/**
 * A lint for what this installation renders: its state folder, its modules, its nginx. It remembers the blocks of
 * the last text, so an unchanged server is not read again.
 */
export function candidateLinter(
  stateDir: string,
  capabilities: Capabilities,
): (candidate: Pick<Candidate, 'text' | 'sourceMap' | 'allowances'>) => Violation[] {
  const { stream, mimeTypesPath, version, modules, secRulesPath, coreRules } = capabilities;
  const loadable = [stream, ...Object.values(modules)].flatMap((form) =>
    typeof form === 'object' ? [form.modulePath] : [],
  );
  const own = lintOptionsForState({
    stateDir,
    mimeTypesPath,
    nginxVersion: version,
    allowedModules: loadable,
    allowedRules: [...(secRulesPath === null ? [] : [secRulesPath]), ...coreRules],
  });
  let linter = createLinter(own);
  let allowed = '';
  return ({ text, sourceMap, allowances }) => {
    const wanted = JSON.stringify(allowances);
    if (wanted !== allowed) {
      const { logs, syslogServers } = allowances;
      allowed = wanted;
      linter = createLinter({
        ...own,
        allowedLogs: [...(own.allowedLogs ?? []), ...logs],
        allowedSyslogServers: syslogServers,
      });
    }
    return linter.lint(text, sourceMap);
  };
}
