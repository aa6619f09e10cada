#!/usr/bin/env node
/**
 * The program's entry. It checks the version of Node before anything is loaded that an old one cannot read.
 * Source of the floor: `engines` in package.json.
 */
const minimum = [24, 11];

function isOldNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < (minimum[0] ?? 0) || (major === minimum[0] && minor < (minimum[1] ?? 0));
}

if (isOldNode(process.versions.node)) {
  console.error(
    `cng: Node ${process.versions.node} is too old; ${minimum.join('.')} or newer is needed (CNG_NODE_TOO_OLD)`,
  );
  process.exitCode = 78;
} else {
  const { runProgram } = await import('./commands/program.ts');
  process.exitCode = await runProgram(process.argv.slice(2));
  if (process.exitCode !== 0) {
    // A start that failed halfway leaves sockets and threads behind: the process would stay, and look alive to probes.
    process.exit();
  }
}
