/** What `nginx -V` says. */
export interface NginxBuild {
  /** `nginx`, `nginx-plus`, `openresty`, `angie`, `freenginx`, `tengine`…: the name of the product, in small letters. */
  readonly product: string;
  /** Of the product: `1.22.1`, `r32`, `1.27.1.2`. */
  readonly productVersion: string;
  /** Of the nginx inside, three numbers; null where a fork does not say which one it is. */
  readonly nginxVersion: string | null;
  /** For example `3.0.22`; null without TLS. */
  readonly opensslVersion: string | null;
  /** One for each option, without the quotes of a shell. */
  readonly configureArguments: readonly string[];
}

/** Products whose own version begins with that of the nginx inside. */
const namedAfterNginx = new Set(['nginx', 'nginx-plus', 'openresty']);

/** Longest answer that is read; a real one has 1 to 4 kB. */
const longestAnswer = 64 * 1024;

/** Reads the answer of `nginx -V`. Null if it is not one. */
export function parseNginxV(text: string): NginxBuild | null {
  const answer = text.slice(0, longestAnswer);
  const versions = [
    ...answer.matchAll(/^([A-Za-z][\w-]*) version: ([A-Za-z][\w-]*)\/(\S+)(?: \(([^)\n]*)\))?/gm),
  ];
  const [first] = versions;
  if (!first) {
    return null;
  }
  const plus = /^nginx-plus-(\S+)/.exec(first[4] ?? '')?.[1];
  const product = plus === undefined ? (first[2] ?? '').toLowerCase() : 'nginx-plus';
  const productVersion = plus ?? first[3] ?? '';
  // Forks with numbers of their own may name the nginx they are made from in a line of its own.
  const source = namedAfterNginx.has(product) ? first : versions.find((version) => version[2] === 'nginx');
  return {
    product,
    productVersion,
    nginxVersion: /^\d+\.\d+\.\d+/.exec(source?.[3] ?? '')?.[0] ?? null,
    opensslVersion:
      /^built with (?:OpenSSL|LibreSSL|BoringSSL|AWS-LC|QuicTLS) (\S+)/m.exec(answer)?.[1] ?? null,
    configureArguments: splitArguments(/^configure arguments:(.*)$/m.exec(answer)?.[1] ?? ''),
  };
}

/** The value of `--name=value`, or null; the last one counts, as for `configure`. */
export function configureValue(configureArguments: readonly string[], name: string): string | null {
  const prefix = `--${name}=`;
  return configureArguments.findLast((argument) => argument.startsWith(prefix))?.slice(prefix.length) ?? null;
}

function splitArguments(line: string): string[] {
  return [...line.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map((match) =>
    match[0].replaceAll(
      /'([^']*)'|"([^"]*)"/g,
      (_, single?: string, double?: string) => single ?? double ?? '',
    ),
  );
}
