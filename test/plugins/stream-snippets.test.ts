import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { annotated } from '../support/annotated.ts';
import { nginxBinaries, type NginxBinary } from '../support/nginx-binaries.ts';
import { serviceObject } from '../support/objects.ts';
import { freePort } from '../support/ports.ts';
import { serve, type Served } from '../support/served.ts';

/** A TCP server that says its name and ends; its port. */
async function startTcp(t: TestContext, name: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(name);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

/** What is said on a port. */
async function said(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(socket, 'close');
  return text;
}

async function serveWith(
  t: TestContext,
  binary: NginxBinary,
  data: Readonly<Record<string, string>>,
  snippets: Readonly<Record<string, string>>,
  ports: { readonly reservedPorts?: readonly number[] } = {},
): Promise<Served> {
  const options = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'options', namespace: 'default' },
    data: { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical', ...data },
  };
  const objects = Object.entries(snippets).map(([name, snippet]) =>
    annotated(name, { 'stream-snippet': snippet }),
  );
  return await serve(t, binary, [options, serviceObject('app'), ...objects], {
    optionsConfigMap: 'default/options',
    ...ports,
  });
}

for (const binary of nginxBinaries()) {
  describe(`snippets for stream on nginx ${binary.version}`, () => {
    it('open ports for TCP, of Ingresses and of the operator', async (t) => {
      const [one, two] = [await startTcp(t, 'one'), await startTcp(t, 'two')];
      const [first, second] = [await freePort(), await freePort()];

      const served = await serveWith(
        t,
        binary,
        {
          'stream-snippet': `server { listen 127.0.0.1:${second}; proxy_pass 127.0.0.1:${two}; }`,
          'proxy-stream-timeout': '7',
          'proxy-stream-next-upstream': 'false',
          'log-format-stream': 'S $protocol $status',
        },
        {
          app: `upstream own { server 127.0.0.1:${one}; }\nserver {\n  listen 127.0.0.1:${first};\n  proxy_pass own;\n}`,
        },
      );

      assert.equal(await said(first), 'one');
      assert.equal(await said(second), 'two');
      assert.match(served.text, /stream \{[^}]*proxy_timeout 7s;\n {4}proxy_next_upstream off;/u);
      const log = /access_log (\S+stream\.log) gateway;/u.exec(served.text)?.[1] ?? '';
      assert.equal(path.basename(log), 'stream.log');
      let lines = '';
      for (let tries = 0; tries < 400 && lines.split('\n').length < 3; tries += 1) {
        await sleep(25);
        lines = await readFile(log, 'utf8');
      }
      assert.equal(lines, 'S TCP 200\nS TCP 200\n');
    });

    it('need no stream context where there are none', async (t) => {
      const served = await serveWith(t, binary, { 'disable-stream-access-log': 'true' }, {});
      assert.doesNotMatch(served.text, /^stream|load_module/mu);
    });

    it('are refused where they reach for what is not theirs', async (t) => {
      const own = await freePort();
      const bad: Readonly<Record<string, string>> = {
        port: `server { listen ${own}; return x; }`,
        range: `server { listen 127.0.0.1:${own - 1}-${own + 1}; return x; }`,
        socket: 'server { listen 9; proxy_pass unix:/var/run/docker.sock; }',
        certificate: 'server { listen 9 ssl; ssl_certificate /etc/x; }',
        js: 'js_import /tmp/x.js;',
      };

      const served = await serveWith(t, binary, {}, bad, { reservedPorts: [own] });

      for (const name of Object.keys(bad)) {
        const { state, reasons } = served.ingress(name);
        assert.equal(state, 'rejected', name);
        assert.match(reasons.join('\n'), /stream-snippet"\]: line 1: /u);
      }
      assert.doesNotMatch(served.text, /^stream/mu);
    });
  });
}
