/** What is wrong with the version of an nginx, and what to do about it. */
export interface VersionWarning {
  readonly version: string;
  /** The oldest version of the same branch without a known flaw. */
  readonly floor: string;
  readonly message: string;
}

/** `[1, 22, 1]` of `1.22.1` (also of `1.25.5 (nginx-plus-r32)`); null if the text begins with no version. */
export function parseVersion(text: string): readonly [number, number, number] | null {
  const found = /^(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?![\d])/.exec(text);
  return found ? [Number(found[1]), Number(found[2]), Number(found[3])] : null;
}

/** Whether `version` is `minimum` or later. False if `version` is none: what cannot be told is not there. */
export function isAtLeast(version: string, minimum: string): boolean {
  const have = parseVersion(version);
  const want = parseVersion(minimum);
  if (!have || !want) {
    return false;
  }
  for (const [index, number] of have.entries()) {
    const difference = number - (want[index] ?? 0);
    if (difference !== 0) {
      return difference > 0;
    }
  }
  return true;
}

/** A flaw of nginx that matters only with a certain configuration, and the versions that are free of it. */
export interface Advisory {
  readonly cve: string;
  /** The first mainline version with the fix. */
  readonly mainline: string;
  /** The first version of each stable branch with the fix, where it was brought there. */
  readonly stable: readonly string[];
}

/** https://nginx.org/en/security_advisories.html, read in September 2026; only those that a rule asks about. */
export const advisories = {
  clientCertificateReuse: { cve: 'CVE-2025-23419', mainline: '1.27.4', stable: ['1.26.3'] },
  ocsp: { cve: 'CVE-2026-40701', mainline: '1.31.0', stable: ['1.30.1'] },
  streamOcsp: { cve: 'CVE-2026-28755', mainline: '1.29.7', stable: ['1.28.3'] },
  // The address spoofing was fixed in 1.31.0, but 1.31.0 and 1.31.1 have a use-after-free of their own.
  http3: { cve: 'CVE-2026-40460, CVE-2026-42530', mainline: '1.31.2', stable: ['1.30.1'] },
} as const satisfies Record<string, Advisory>;

/** Whether this version is free of the flaw; false where the version is unknown. */
export function hasFix(version: string | null, advisory: Advisory): boolean {
  if (version === null) {
    return false;
  }
  if (isAtLeast(version, advisory.mainline)) {
    return true;
  }
  const branch = branchOf(version);
  return advisory.stable.some((fixed) => branchOf(fixed) === branch && isAtLeast(version, fixed));
}

/** The newest fixes that were published, of July 2026 (CVE-2026-42533, CVE-2026-60005, CVE-2026-56434). */
const floors = { mainline: '1.31.3', stable: '1.30.4' };

/**
 * A warning where the version has published flaws, or null. A distribution may have brought the fixes to its
 * older version; its number cannot tell, so the message says so.
 */
export function versionFloor(version: string): VersionWarning | null {
  if (parseVersion(version) === null) {
    const message = `nginx version "${version}" cannot be compared: check it against nginx.org's security advisories`;
    return { version, floor: floors.mainline, message };
  }
  const floor = branchOf(version) === branchOf(floors.stable) ? floors.stable : floors.mainline;
  if (isAtLeast(version, floor)) {
    return null;
  }
  const message =
    `nginx ${version} is older than ${floors.stable} (stable) and ${floors.mainline} (mainline), the first without ` +
    'published flaws: upgrade nginx, unless your distribution has brought the fixes to this version';
  return { version, floor, message };
}

/** `1.30` of `1.30.6`. */
function branchOf(version: string): string {
  return (parseVersion(version) ?? []).slice(0, 2).join('.');
}
