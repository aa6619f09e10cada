import { request } from 'node:http';

/** nginx's own figures (`stub_status`), among them those of the gateway's own questions. */
export interface NginxStatus {
  readonly active: number;
  readonly reading: number;
  readonly writing: number;
  readonly waiting: number;
  readonly accepted: number;
  readonly handled: number;
  readonly requests: number;
}

const deadlineMs = 1_000;
const mostBytes = 4096;

/** Asks the private socket; null where nobody answers, and where nginx was built without it. */
export async function askNginxStatus(socketPath: string): Promise<NginxStatus | null> {
  return await new Promise((resolve) => {
    const asked = request({ socketPath, path: '/status', agent: false, timeout: deadlineMs }, (answer) => {
      let text = '';
      answer.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
        if (text.length > mostBytes) {
          asked.destroy();
        }
      });
      answer.on('close', () => resolve(answer.statusCode === 200 ? readStatus(text) : null));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(null));
    asked.end();
  });
}

/** Null where the text is no such page. */
export function readStatus(text: string): NginxStatus | null {
  const found =
    /^Active connections: (\d+)\s+server accepts handled requests\s+(\d+) (\d+) (\d+)\s+Reading: (\d+) Writing: (\d+) Waiting: (\d+)/u.exec(
      text,
    );
  if (found === null) {
    return null;
  }
  const [active = 0, accepted = 0, handled = 0, requests = 0, reading = 0, writing = 0, waiting = 0] = found
    .slice(1)
    .map(Number);
  return { active, reading, writing, waiting, accepted, handled, requests };
}
