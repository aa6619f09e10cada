import type { Directive } from './grammar.ts';
import { type LintOptions, pathProblem, socketProblems } from './lint-options.ts';
import { advisories, hasFix } from './version.ts';

/** A directive where it stands, as a rule sees it. */
export interface RuleInput {
  readonly directive: Directive;
  readonly name: string;
  /** Without quotes and escapes. */
  readonly args: readonly string[];
  /** Name of the block around it; `main` at the top. */
  readonly parent: string;
  readonly options: LintOptions;
}

/** One thing that no configuration of ours may contain. */
export interface Rule {
  /** Stable: shown to users and counted in metrics. */
  readonly code: string;
  /** Where the rule comes from: CVE numbers, or the damage it prevents. */
  readonly source: string;
  /** Directive names, exact or by pattern. */
  readonly names: readonly string[] | RegExp;
  /** What is wrong and what to do, or null if nothing is. It follows the directive's name in a sentence. */
  check(input: RuleInput): string | null;
}

function never(reason: string): Rule['check'] {
  return () => reason;
}

function pathOf(
  index: number,
  list:
    'allowedRules' | 'allowedReads' | 'allowedWrites' | 'allowedRoots' | 'allowedIncludes' | 'allowedModules',
): Rule['check'] {
  return ({ args, options }) => {
    const value = args[index];
    // An empty path cancels an inherited one.
    if (value === undefined || value === '') {
      return null;
    }
    const problem = pathProblem(value, options[list] ?? []);
    return problem === null ? null : `names "${value}", which ${problem}`;
  };
}

/** What `ssl_conf_command` may set; its other commands load files, and engines with them. */
const harmlessSslCommands = new Set([
  'CipherString',
  'Ciphersuites',
  'ClientSignatureAlgorithms',
  'Curves',
  'ECDHParameters',
  'Groups',
  'MaxProtocol',
  'MinProtocol',
  'Options',
  'SignatureAlgorithms',
]);

/** Variables that a client writes, and captures, which mostly hold what a client wrote. */
export const clientChosen =
  /\$\{?(?:(?:http|arg|cookie)_\w+|args|query_string|uri|document_uri|request_uri|request|request_body|host|remote_user|ssl_server_name|ssl_preread_server_name|[0-9])\b/;

/** Directives that run code of somebody's choice, while nginx tests, starts or serves. */
const codeRules: readonly Rule[] = [
  {
    code: 'load-module',
    source: 'CVE-2025-1974: a shared object runs its code inside nginx -t',
    names: ['load_module'],
    check: pathOf(0, 'allowedModules'),
  },
  {
    code: 'ssl-engine',
    source: 'CVE-2025-1974: an engine is a shared object',
    names: ['ssl_engine'],
    check: never('loads code; remove it'),
  },
  {
    code: 'ssl-command',
    source: 'OpenSSL commands can name files and engines',
    names: /(?:^|_)ssl_conf_command$/,
    check: ({ args }) =>
      harmlessSslCommands.has(args[0] ?? '')
        ? null
        : `may not set "${args[0] ?? ''}"; allowed are ${[...harmlessSslCommands].join(', ')}`,
  },
  {
    code: 'scripting',
    source: 'CVE-2021-25742: code in the configuration',
    names:
      /^(?:lua|js|njs|perl|mruby|wasm|php|python|passenger|proxy_wasm)(?:_|$)|_by_(?:lua|js|njs|mruby|php|python)(?:_|$)/,
    check: never('embeds a programming language; shape traffic with directives instead'),
  },
  {
    code: 'transform',
    source: 'parsers of XSLT and images that a gateway has no need for; XSLT reads files',
    names: /^(?:xslt_|xml_entities$|image_filter)/,
    check: never('is of a module the gateway has no use for; remove it'),
  },
  {
    code: 'process',
    source: 'user, environment and life of the nginx processes belong to the pod',
    names:
      /^(?:env|user|daemon|master_process|working_directory|worker_rlimit_core|debug_points|google_perftools_profiles|quic_bpf|mail)$/,
    check: never('belongs to the pod, not to the configuration; remove it'),
  },
];

/** Directives that read, write or reveal files. */
const fileRules: readonly Rule[] = [
  {
    code: 'include',
    source: 'CVE-2025-1974, CVE-2021-25745: text that nobody linted, or files of the system',
    names: ['include'],
    check: pathOf(0, 'allowedIncludes'),
  },
  {
    code: 'document-root',
    source: 'CVE-2021-25745: the service account token served as a page',
    names: ['root', 'alias'],
    check: pathOf(0, 'allowedRoots'),
  },
  {
    code: 'listing',
    source: 'file names of the container shown to clients',
    names: ['autoindex', 'random_index'],
    check: ({ args }) => (args[0] === 'off' ? null : 'shows files of the container; remove it'),
  },
  {
    code: 'write-path',
    source: 'files written where others trust them',
    names: /^(?:pid|lock_file|state|state_path|\w+_temp_path|\w+_cache_path)$/,
    check: pathOf(0, 'allowedWrites'),
  },
  {
    code: 'store',
    source: 'CVE-2026-27654 and uploads that stay on the disk',
    names: /_store(?:_access)?$/,
    check: ({ args }) => (args[0] === 'off' ? null : 'writes responses to files; remove it'),
  },
  {
    code: 'body-file',
    source: 'request bodies that fill the disk',
    names: ['client_body_in_file_only'],
    check: ({ args }) => (args[0] === 'on' ? 'keeps every request body; use "clean" or "off"' : null),
  },
  {
    code: 'log-path',
    source: 'CVE-2021-25742: a log is a file of the writer’s choice with content of the client’s choice',
    names: ['access_log', 'error_log'],
    check: checkLog,
  },
  {
    code: 'tls-key-log',
    source: 'session keys in a file open every recorded connection',
    names: /(?:^|_)ssl_key_log$/,
    check: never('writes session keys to a file; remove it'),
  },
  {
    code: 'certificate-scheme',
    source: 'data:, engine: and store: are not files of ours; an engine is code',
    names: /(?:^|_)ssl_certificate(?:_key)?$/,
    check: ({ args }) => {
      const scheme = /^(\w+):/.exec(args[0] ?? '')?.[1];
      return scheme === undefined ? null : `uses "${scheme}:"; name a file instead`;
    },
  },
  {
    code: 'read-path',
    source: 'CVE-2025-24513: files of the container read through the configuration',
    names:
      /(?:(?:^|_)ssl_(?:certificate|certificate_key|client_certificate|trusted_certificate|crl|dhparam|password_file|session_ticket_key|stapling_file|ech_file)|^auth_basic_user_file|^auth_jwt_key_file|^quic_host_key|^geoip2?(?:_country|_city|_org)?)$/,
    check: (input) =>
      /^\w+:/.test(input.args[0] ?? '') || input.args[0] === 'off' ? null : pathOf(0, 'allowedReads')(input),
  },
  {
    code: 'rules-file',
    source: 'rules of ModSecurity include files, run programs and write logs where they say',
    names: ['modsecurity_rules_file'],
    check: pathOf(0, 'allowedRules'),
  },
  {
    code: 'rules-remote',
    source: 'rules of ModSecurity that somebody else writes',
    names: ['modsecurity_rules_remote'],
    check: never('takes rules from elsewhere; write them out'),
  },
  {
    code: 'unix-socket',
    source: 'sockets of the container runtime and of other processes',
    names: /^(?:listen|server|set|\w+_pass)$/,
    check: ({ name, args, options }) =>
      socketMessage(args, options) ?? (name.endsWith('_pass') ? socketByVariable(args[0] ?? '') : null),
  },
];

/** Parts of nginx that the gateway has no use for and that had flaws of their own, and open proxies. */
const exposureRules: readonly Rule[] = [
  {
    code: 'charset',
    source: 'CVE-2026-42934, CVE-2026-48142',
    names: /^(?:charset(?:_map|_types)?|source_charset|override_charset)$/,
    check: never('is of a module with known flaws that the gateway has no use for; remove it'),
  },
  {
    code: 'scgi-uwsgi',
    source: 'CVE-2026-42946',
    names: /^(?:scgi|uwsgi)_(?!temp_path$)/,
    check: never('is of a module with known flaws that the gateway has no use for; remove it'),
  },
  {
    code: 'ssi',
    source: 'CVE-2026-56434',
    names: /^ssi(?:_|$)/,
    check: ({ name, args }) =>
      name === 'ssi' && args[0] === 'off' ? null : 'lets responses call the server; remove it',
  },
  {
    code: 'dav',
    source: 'CVE-2026-27654',
    names: /^(?:dav_\w+|create_full_put_path|min_delete_depth)$/,
    check: never('lets clients write files; remove it'),
  },
  {
    code: 'media',
    source: 'CVE-2026-32647',
    names: /^(?:mp4|flv|hls)(?:_|$)/,
    check: never('is of a module with known flaws that the gateway has no use for; remove it'),
  },
  {
    code: 'slice',
    source: 'CVE-2026-60005',
    names: ['slice'],
    check: ({ args }) => (args[0] === '0' ? null : 'discloses memory in versions before 1.30.4; remove it'),
  },
  {
    code: 'http3',
    source: advisories.http3.cve,
    names: ['listen', 'http3'],
    check: checkHttp3,
  },
  {
    code: 'forward-proxy',
    source: 'the tunnel module makes the gateway an open proxy',
    names: /^tunnel_/,
    check: never('makes the gateway a proxy to anywhere; remove it'),
  },
  {
    code: 'open-proxy',
    source: 'CVE-2025-1098: a client that names the target reaches the whole cluster',
    names: /_pass$/,
    check: ({ args }) => {
      const variable = clientChosen.exec(authorityOf(args[0] ?? ''))?.[0];
      return variable === undefined
        ? null
        : `lets the client choose the target through ${variable}; choose it with a map instead`;
    },
  },
  {
    code: 'management-api',
    source: 'the API of NGINX Plus changes upstreams',
    names: ['api', 'upstream_conf'],
    check: ({ name, args }) =>
      name === 'api' && !args.includes('write=on') ? null : 'lets clients change upstreams; remove it',
  },
];

/** Every rule about single directives, in the order in which a directive is reported. */
export const rules: readonly Rule[] = [...codeRules, ...fileRules, ...exposureRules];

/** The rules for a directive of this name. */
export function rulesFor(name: string): readonly Rule[] {
  return rules.filter(({ names }) => (names instanceof RegExp ? names.test(name) : names.includes(name)));
}

/** The problem with the unix sockets that these words name, or null. Also for the values of maps. */
export function socketMessage(words: readonly string[], options: LintOptions): string | null {
  const problems = words.flatMap((word) =>
    word.includes(':') ? socketProblems(word, options.allowedSockets ?? []) : [],
  );
  return problems.length === 0 ? null : `names ${problems.join('; ')}`;
}

/** Host and port of the target of a `*_pass`. nginx's own scheme is `http` or `https` and can be nothing else. */
export function authorityOf(target: string): string {
  return /^(?:(?:\w+|\$scheme):\/\/)?([^/]*)/.exec(target)?.[1] ?? '';
}

/** A target like `http://$a:/run/b.sock` names a socket as soon as the variable is `unix`. */
function socketByVariable(target: string): string | null {
  const authority = authorityOf(target);
  return authority.includes('$') && authority.endsWith(':') && target.length > authority.length
    ? `names "${target}", which a variable can make a unix socket; write the socket or the port out`
    : null;
}

function checkLog({ name, args, options }: RuleInput): string | null {
  const target = args[0] ?? '';
  if ((name === 'access_log' && target === 'off') || (name === 'error_log' && target === 'stderr')) {
    return null;
  }
  if (target.startsWith('syslog:')) {
    const server = /[:,]server=([^,]*)/.exec(target)?.[1] ?? '';
    if (server.startsWith('unix:')) {
      return socketMessage([server], options);
    }
    return options.allowedSyslogServers?.includes(server)
      ? null
      : `sends to "${server}", which is not among the allowed log collectors`;
  }
  const problem = pathProblem(target, options.allowedLogs ?? []);
  return problem === null ? null : `names "${target}", which ${problem}`;
}

function checkHttp3({ name, args, options }: RuleInput): string | null {
  const wanted = name === 'http3' ? args[0] === 'on' : args.includes('quic');
  if (!wanted || hasFix(options.nginxVersion ?? null, advisories.http3)) {
    return null;
  }
  const { mainline, stable } = advisories.http3;
  return `turns HTTP/3 on, which needs nginx ${[...stable, mainline].join(' or ')} at least (${advisories.http3.cve})`;
}
