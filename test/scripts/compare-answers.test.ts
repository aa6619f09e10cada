import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';

const script = path.resolve(import.meta.dirname, '../../scripts/compare-answers.sh');

async function serve(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function compare(
  args: readonly string[],
  questions: string,
): Promise<{ readonly code: number | null; readonly out: string }> {
  const child = spawn(script, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  // One that refuses its arguments ends without reading.
  child.stdin.on('error', () => undefined);
  child.stdin.end(questions);
  await once(child, 'close');
  return { code: child.exitCode, out };
}

describe('compare-answers.sh', () => {
  it('tells the questions to which two gateways have different answers', async (t) => {
    const asked: string[] = [];
    const old = await serve(t, (request, response) => {
      asked.push(`${request.headers.host} ${request.url}`);
      response.end('x');
    });
    const other = await serve(t, (request, response) => {
      const moved = request.url === '/moved';
      response
        .writeHead(moved ? 308 : 200, moved ? { location: 'https://a.example.com/moved' } : {})
        .end('y');
    });
    const questions = 'a.example.com /\n*.b.example.com /x/../y\n\na.example.com /moved\nc.example.com\n';
    const { code, out } = await compare([old, other], questions);
    assert.equal(code, 1);
    assert.equal(
      out,
      'a.example.com/moved\n  old: 200  \n  new: 308 https://a.example.com/moved \n1 of 4 answers differ\n',
    );
    assert.deepEqual(asked, [
      'a.example.com /',
      'any.b.example.com /x/../y',
      'a.example.com /moved',
      'c.example.com /',
    ]);
    const same = await compare([old, old], questions);
    assert.deepEqual(same, { code: 0, out: '0 of 4 answers differ\n' });
  });

  it('tells a gateway that does not answer, and wrong use', async (t) => {
    const old = await serve(t, (_, response) => response.end('x'));
    const gone = await serve(t, (request) => request.socket.destroy());
    const { code, out } = await compare([old, gone], 'a.example.com /\n');
    assert.equal(code, 1);
    assert.match(out, /new: 000 .*\(curl \d+\)/);
    assert.equal((await compare([old], '')).code, 2);
  });
});
