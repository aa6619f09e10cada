import { z } from 'zod';
import { resolverAddress } from './address.ts';
import { key } from './key.ts';
import { list, path, port, text, type ValueKind, whole } from './value-kind.ts';

export const nginx = {
  description: 'The nginx that carries the traffic.',
  keys: {
    templatePath: key(
      'template_path',
      path(),
      '',
      'A folder (or file) with templates that replace built-in ones. Empty: the built-in templates.',
    ),
    configPath: key(
      'config_path',
      path(),
      '',
      'Where the live nginx.conf is written. A symlink is kept and its target replaced. Empty: `nginx.conf` in `state_dir`.',
    ),
    binaryPath: key(
      'binary_path',
      text('path', 'a path, or a name that is looked up on PATH', /^\P{Cc}+$/u, { max: 4096, empty: false }),
      'nginx',
      'The nginx to run: a path, or a name that is looked up on PATH.',
    ),
    reloadScript: key(
      'reload_script',
      path(),
      '',
      'The script that starts or reloads nginx. Empty: the one that comes with the gateway.',
    ),
    stateDir: key(
      'state_dir',
      path(),
      '',
      'The folder for candidates, certificates, sockets and the last verified configuration. Empty: chosen at start and logged.',
    ),
    httpPort: key('http_port', port(), 80, 'The port for HTTP.'),
    httpsPort: key('https_port', port(), 443, 'The port for HTTPS.'),
    workerProcesses: key(
      'worker_processes',
      workerProcesses(),
      'auto',
      'How many worker processes nginx runs. `auto`: as many as it has CPUs.',
    ),
    workerShutdownTimeoutSeconds: key(
      'worker_shutdown_timeout',
      whole('seconds', 1, 86_400),
      240,
      'How long old workers may finish their requests after a reload, and all workers at the end.',
    ),
    resolver: key(
      'resolver',
      list(resolverAddress()),
      [],
      'DNS servers for names that are resolved while serving (ExternalName). Empty: those of `/etc/resolv.conf`.',
    ),
    shutdownGracePeriodSeconds: key(
      'shutdown_grace_period',
      whole('seconds', 0, 3600),
      0,
      'How long nginx goes on taking new connections after SIGTERM, while `/ready` already says no.',
    ),
    postShutdownGracePeriodSeconds: key(
      'post_shutdown_grace_period',
      whole('seconds', 0, 3600),
      0,
      'How long the gateway stays after nginx has ended.',
    ),
  },
} as const;

function workerProcesses(): ValueKind<number | 'auto'> {
  return {
    type: '`auto` or number',
    allowed: 'auto or a whole number from 1 to 512',
    shape: 'number-or-text',
    schema: z.union([z.literal('auto'), z.int().min(1).max(512)]),
  };
}
