import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { shellScript } from '../support/nginx-instance.ts';
import { openPod, until, whyNoPod, type Pod } from './pod-sandbox.ts';

const program = path.resolve(import.meta.dirname, '../../src/main.ts');

function manifest(host: string): string {
  return `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: one, namespace: pod }
spec:
  rules:
    - host: ${host}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: { service: { name: absent, port: { number: 80 } } }
`;
}

/** What a fresh connection from inside the pod gets for a host: the status, or the error. */
async function statusOf(pod: Pod, host: string, port = 80, url = '/'): Promise<string> {
  const script = `
    import { request } from 'node:http';
    const asked = request({ host: '127.0.0.1', port: ${port}, path: '${url}', headers: { host: '${host}' }, agent: false });
    asked.on('response', (response) => { console.log(response.statusCode); response.resume(); });
    asked.on('error', (error) => console.log(error.code));
    asked.end();`;
  return (await pod.run([process.execPath, '--input-type=module', '--eval', script])).stdout.trim();
}

/** Requests that the gateway has counted and written down. */
function countedIn(pod: Pod): number {
  const saved = path.join(pod.stateDir, 'traffic.json');
  return existsSync(saved) ? (JSON.parse(readFileSync(saved, 'utf8')) as { lines: number }).lines : 0;
}

describe('the program in a pod', { skip: whyNoPod() }, () => {
  for (const binary of nginxBinaries()) {
    it(`serves manifests through the agent, and survives a restart of either container (${binary.version})`, async (t) => {
      const pod = await openPod(t, binary);
      const manifests = path.join(pod.folder, 'manifests');
      mkdirSync(manifests);
      chmodSync(manifests, 0o755);
      writeFileSync(path.join(manifests, 'one.yaml'), manifest('one.example'));
      async function client(name: string): Promise<string> {
        const script = path.join(pod.scripts, `agent-${name}.sh`);
        return await shellScript(pod.folder, name, `GATEWAY_FOLDER=${pod.shared} exec ${script} "$@"`);
      }
      const config = path.join(pod.folder, 'gateway.yaml');
      writeFileSync(
        config,
        JSON.stringify({
          server: { addr: '127.0.0.1:8080' },
          metrics: { enabled: false },
          debug: { enabled: false },
          nginx: {
            binary_path: await client('nginx'),
            reload_script: await client('reload'),
            config_path: pod.config,
            state_dir: pod.stateDir,
            http_port: 80,
            https_port: 443,
            worker_shutdown_timeout: 5,
          },
        }),
      );
      const command = [process.execPath, program, 'run', '--config', config, '--manifests', manifests];
      const agent = pod.startNginx();
      const gateway = pod.start(command);
      await until(
        async () => (await statusOf(pod, '', 8080, '/ready')) === '200',
        'the gateway is ready',
      ).catch((error: unknown) => assert.fail(`${String(error)}\n${gateway.log()}${agent.log()}`));
      // A route without a backend answers 503; a host without a route 404.
      assert.equal(await statusOf(pod, 'one.example'), '503');
      assert.equal(await statusOf(pod, 'two.example'), '404');
      // Two users: the one of nginx writes the log that the other one counts from, over its restarts.
      await until(() => countedIn(pod) === 2, 'both requests are counted');

      agent.signal('SIGKILL');
      await agent.ended;
      const next = pod.startNginx({ AGENT_PATIENCE: '2' });
      await until(async () => (await statusOf(pod, 'one.example')) === '503', 'the verified text is served');

      gateway.signal('SIGKILL');
      await gateway.ended;
      assert.equal(await statusOf(pod, 'one.example'), '503');
      writeFileSync(path.join(manifests, 'one.yaml'), manifest('two.example'));
      const again = pod.start(command);
      await until(async () => (await statusOf(pod, 'two.example')) === '503', 'the change is served');
      await until(() => countedIn(pod) >= 5, 'it counts on');
      assert.equal(await statusOf(pod, 'one.example'), '404');

      again.signal('SIGTERM');
      next.signal('SIGTERM');
      assert.equal(await again.ended, 0, again.log());
      assert.equal(await next.ended, 0, next.log());
      assert.match(next.log(), /nginx ended: drained/);
    });
  }
});
