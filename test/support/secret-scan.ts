import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunningGateway } from './gateway.ts';

const pages = [
  '',
  'config',
  'config?generation=1',
  'config/failed',
  'template',
  'template?format=text',
  'model',
  'objects',
  'generations',
];
const files = ['nginx.conf', 'verified.conf', 'verified.json', 'logs/error.log'];

/** Everything that people or machines may read of a gateway, by where it stands. */
export async function everythingSaid(gateway: RunningGateway): Promise<Record<string, string>> {
  const said: Record<string, string> = {
    log: gateway.log.map((line) => JSON.stringify(line)).join('\n'),
    metrics: await gateway.metrics(),
    ready: (await gateway.health('/ready')).body,
  };
  for (const page of pages) {
    said[`/debug/${page}`] = (await gateway.debugText(`/debug/${page}`)).body;
  }
  for (const file of files) {
    said[file] = await readFile(path.join(gateway.stateDir, file), 'utf8');
  }
  return said;
}

/** Pieces of a key as it may turn up: its lines, and what base64 makes of them at any offset. */
export function piecesOf(key: string): string[] {
  const body = key.replaceAll(/-----[^-]+-----/gu, '').replaceAll(/\s/gu, '');
  const pieces: string[] = [];
  for (let at = 24; at + 20 <= body.length; at += 20) {
    pieces.push(body.slice(at, at + 20));
  }
  for (const offset of [0, 1, 2]) {
    const inner = Buffer.from('x'.repeat(offset) + key.slice(40)).toString('base64');
    pieces.push(inner.slice(8, 48));
  }
  return pieces;
}

/** Fails where a text holds one of these pieces, or a private key of whomever. */
export function holdsNoSecret(said: Readonly<Record<string, string>>, pieces: readonly string[]): void {
  for (const [where, text] of Object.entries(said)) {
    assert.ok(text.length > 0, `${where} says something`);
    assert.doesNotMatch(text, /PRIVATE KEY-----(?:\\n|\s)*[A-Za-z0-9+/]{10}/u, where);
    assert.deepEqual(
      pieces.filter((piece) => text.includes(piece)),
      [],
      where,
    );
  }
}
