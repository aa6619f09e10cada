import { createServer } from 'node:http';

/**
 * A backend for trying things out: answers every request with what it was asked, as JSON.
 *
 *     node examples/backend/server.ts NAME PORT
 */
const [name = 'backend', port = '0'] = process.argv.slice(2);

const server = createServer((request, response) => {
  const body = JSON.stringify(
    { backend: name, method: request.method, url: request.url, headers: request.headers },
    null,
    2,
  );
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${body}\n`);
});

server.listen(Number(port), '127.0.0.1');

process.on('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
});
