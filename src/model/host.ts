import { lowerCase, hasControlCharacter, shown, token, whole, type Parsed, type Token } from './token.ts';

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const isName = whole(`${label}(?:\\.${label})*`);
const isAddress = whole('[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+');

/** RFC 1035: a name has at most 253 characters. */
const longestName = 253;

const allowed =
  'a DNS name (letters, digits, "-" and "."; labels of at most 63 characters) or "*." and a DNS name; no port, no scheme';

/** Reads the host of a rule: an exact name, or a wildcard that stands for exactly one label. */
export function parseHost(text: string): Parsed<Token<'host'> | Token<'wildcard-host'>> {
  const name = lowerCase(text);
  const rest = name.startsWith('*.') ? name.slice(2) : name;
  if (hasControlCharacter(text) || name.length > longestName || !isName(rest)) {
    return { error: `${shown(text)} is not a host: allowed is ${allowed}` };
  }
  if (isAddress(rest)) {
    return { error: `${shown(text)} is an IP address: a rule's host must be a DNS name` };
  }
  return { value: name.startsWith('*.') ? token('wildcard-host', name) : token('host', name) };
}

/** What 169.254.169.254 is called. Names that only resolve to it are the resolver's to keep out. */
const metadataNames = [
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
];

/** Reads the name of a Service of type ExternalName: a DNS name, one dot at its end allowed; no loopback. */
export function parseExternalName(text: string): Parsed<Token<'host'>> {
  const name = lowerCase(text).replace(/\.$/u, '');
  if (hasControlCharacter(text) || name.length > longestName || !isName(name)) {
    return { error: `${shown(text)} is not a DNS name` };
  }
  if (isAddress(name)) {
    return { error: `${shown(text)} is an IP address: use a Service with an EndpointSlice of that address` };
  }
  if (name === 'localhost' || name.endsWith('.localhost')) {
    return { error: `${shown(text)} is this machine itself, which would open the gateway's own ports` };
  }
  if (metadataNames.includes(name)) {
    return { error: `${shown(text)} is the metadata service of a cloud, which hands out credentials` };
  }
  return { value: token('host', name) };
}
