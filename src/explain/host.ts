/** The name that nginx compares servers with; or why it answers 400; or that nobody knows of this version. */
export type NormalHost = { readonly host: string } | { readonly bad: string } | { readonly unknown: string };

/** Takes the port and the final dot off the value of a Host header and puts the rest in lower case. */
export function normalHost(header: string, version: string): NormalHost {
  const [older, newer] = [lenient(header), strict(header)];
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const number = major * 1000 + minor;
  // Measured with 1.22.1 and 1.30.6; where between them nginx became strict is not known here.
  if (older !== newer && number > 1022 && number < 1030) {
    return { unknown: 'versions of nginx differ about a Host that is not just a name or address and a port' };
  }
  const host = number <= 1022 ? older : newer;
  return host === null
    ? { bad: 'the header Host is empty or no host' }
    : { host: host.replaceAll(/[A-Z]+/gu, (letters) => letters.toLowerCase()) };
}

/** As nginx 1.22 does it (ngx_http_validate_host); null for 400. */
function lenient(header: string): string | null {
  if (/[\u0000-\u0020/\u007f]|\.\./u.test(header)) {
    return null;
  }
  const literal = /^\[[^\]]*\]?/u.exec(header)?.[0];
  return withoutDot(literal ?? /^[^:]*/u.exec(header)?.[0] ?? '');
}

/** As nginx 1.30 does it: names and ports of RFC 3986. */
function strict(header: string): string | null {
  const parts =
    /^(\[[^\]%"#/<>?@[\\^`{|}\u0000-\u0020\u007f-\u00ff]*\]|[^"#/:<>?@[\\\]^`{|}\u0000-\u0020\u007f-\u00ff]+)(?::(\d*))?$/u.exec(
      header,
    );
  return parts === null || Number(parts[2] ?? 0) > 65_535 || header.includes('..')
    ? null
    : withoutDot(parts[1] ?? '');
}

function withoutDot(name: string): string | null {
  const host = name.replace(/\.$/u, '');
  return host === '' ? null : host;
}
