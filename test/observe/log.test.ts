import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gatewayError } from '../../src/errors.ts';
import { SecretValue } from '../../src/model/secret-value.ts';
import { createLogger } from '../../src/observe/log.ts';
import { collector } from './log-support.ts';

const folder = mkdtempSync(join(tmpdir(), 'cng-log-'));
after(() => rm(folder, { recursive: true }));

const logModule = new URL('../../src/observe/log.ts', import.meta.url).href;

test('a line is time, level, static message and fields', async () => {
  const out = collector();
  const logger = createLogger({ level: 'info', destination: out.stream });

  logger.info('Config applied', { generation: 'abc', seconds: 0.25, left: undefined });
  await logger.close();

  const [record] = out.records();
  assert.match(String(record?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u);
  assert.deepEqual(
    { ...record, time: '' },
    { time: '', level: 'info', message: 'Config applied', generation: 'abc', seconds: 0.25 },
  );
});

test('each level lets through what is as grave or graver, and follows setLevel, for children too', async () => {
  const out = collector();
  const logger = createLogger({ level: 'warn', destination: out.stream });
  const child = logger.child({ object: 'Ingress/shop/front' });
  function logAll(): void {
    child.debug('a');
    child.info('b');
    child.warn('c');
    child.error('d');
  }

  logAll();
  logger.setLevel('debug');
  logAll();
  child.setLevel('error');
  logAll();
  await logger.close();

  assert.equal(
    out
      .records()
      .map(({ message }) => message)
      .join(''),
    'cdabcdd',
  );
});

test('children add fields, inner ones win, and parents are left alone', async () => {
  const out = collector();
  const logger = createLogger({ level: 'info', destination: out.stream });

  logger.child({ object: 'Secret/a/b', stage: 'test' }).child({ stage: 'reload' }).info('Done', { n: 1 });
  logger.info('Done');
  await logger.close();

  const [inner, outer] = out.records();
  assert.deepEqual(
    [inner?.['object'], inner?.['stage'], inner?.['n'], outer?.['object']],
    ['Secret/a/b', 'reload', 1, undefined],
  );
});

test('a field cannot pass for the time, level or message of the line', async () => {
  const out = collector();
  const logger = createLogger({ level: 'info', destination: out.stream });

  logger.info('Real', { message: 'forged', level: 'error', time: 'never', splat: 1 });
  await logger.close();

  const [record] = out.records();
  assert.deepEqual([record?.['message'], record?.['level']], ['Real', 'info']);
  assert.deepEqual(
    [record?.['field_message'], record?.['field_level'], record?.['field_time'], record?.['splat']],
    ['forged', 'error', 'never', 1],
  );
});

test('an error is code, message, fields and causes; a stack only where it is not of our table', async () => {
  const out = collector();
  const logger = createLogger({ level: 'info', destination: out.stream });
  const cause = new Error('spawn failed', { cause: 'no memory' });

  logger.error('Reload failed', {
    error: gatewayError('CNG_RELOAD_FAILED', { reason: 'exit 1' }, { cause }),
  });
  await logger.close();

  const error = out.records()[0]?.['error'] as { cause: { stack: string } };
  assert.match(error.cause.stack, /^Error: spawn failed\n/u);
  assert.deepEqual(
    { ...error, cause: { ...error.cause, stack: '' } },
    {
      code: 'CNG_RELOAD_FAILED',
      message: 'The reload script failed: exit 1',
      fields: { reason: 'exit 1' },
      cause: { name: 'Error', message: 'spawn failed', stack: '', cause: 'no memory' },
    },
  );
});

test('a secret is never shown, wherever it hides', async () => {
  const secret = new SecretValue('hunter2-planted');
  class Holder {
    readonly inner = [secret];
  }
  const secretObject = {
    kind: 'Secret',
    meta: { namespace: 'shop', name: 'tls' },
    data: { 'tls.key': 'hunter2-planted' },
  };
  const places: Record<string, unknown> = {
    plain: secret,
    nested: { list: [{ value: secret }] },
    map: new Map<unknown, unknown>([[secret, secret]]),
    set: new Set([secret]),
    holder: new Holder(),
    bytes: Buffer.from('hunter2-planted'),
    error: gatewayError('CNG_INTERNAL', { reason: secret, also: { secret } }, { cause: { secret } }),
    aggregate: new AggregateError([new Error(`was ${String(secret)}`)], 'several'),
    object: secretObject,
    json: { toJSON: () => ({ secret }) },
  };
  for (const format of ['json', 'text'] as const) {
    const out = collector();
    const logger = createLogger({ level: 'info', format, destination: out.stream });

    logger.child({ secret }).info('Loaded', places);
    await logger.close();

    const line = out.lines().join('\n');
    assert.doesNotMatch(line, /hunter2/u);
    assert.ok(line.split('[redacted]').length > 8, line);
    assert.match(line, /Secret\/shop\/tls/u);
  }
});

test('text lines are for people', async () => {
  const out = collector();
  const logger = createLogger({ level: 'info', format: 'text', destination: out.stream });
  const error = gatewayError('CNG_RELOAD_FAILED', { reason: 'exit 1' }, { cause: new Error('gone') });

  logger.warn('Reload failed', { object: 'Ingress/shop/front', words: 'two words', n: 3, error });
  await logger.close();

  assert.equal(
    out.lines()[0]?.slice(25),
    'WARN  Reload failed object=Ingress/shop/front words="two words" n=3 ' +
      'error="CNG_RELOAD_FAILED: The reload script failed: exit 1" cause="Error: gone"',
  );
});

test('the file gets the same lines as the console', async () => {
  const out = collector();
  const filePath = join(folder, 'gateway.log');
  const logger = createLogger({ level: 'info', destination: out.stream, filePath });

  logger.info('One', { n: 1 });
  logger.child({ a: 'b' }).error('Two', { n: 2 });
  await logger.close();

  assert.equal(out.lines().length, 2);
  assert.equal(await readFile(filePath, 'utf8'), `${out.lines().join('\n')}\n`);
});

test('a file that cannot be written is told on the console and nothing else happens', async () => {
  const out = collector();
  await writeFile(join(folder, 'in-the-way'), '');
  const filePath = join(folder, 'in-the-way', 'gateway.log');
  const logger = createLogger({ level: 'info', destination: out.stream, filePath });

  logger.info('One');
  await logger.close();

  const [, problem] = out.records();
  assert.equal(problem?.['message'], 'Log file cannot be written');
  assert.match(JSON.stringify(problem?.['error']), /"code":"CNG_LOG_FILE_FAILED"/u);
  assert.equal(out.records()[0]?.['message'], 'One');
});

test('closing twice is one closing, and a line after it is dropped without harm', async () => {
  const out = collector();
  const logger = createLogger({ level: 'info', destination: out.stream });
  logger.info('One');

  await Promise.all([logger.close(), logger.close()]);
  logger.info('Two');

  assert.equal(out.lines().length, 1);
});

test('every line goes through a full pipe before close ends', async () => {
  const script = `
    const { createLogger } = await import(${JSON.stringify(logModule)});
    const logger = createLogger({ level: 'info', destination: process.argv[1] });
    for (let n = 0; n < 3000; n += 1) logger.info('A line', { n, padding: 'x'.repeat(100) });
    await logger.close();
    process.exit(0);
  `;
  for (const name of ['stdout', 'stderr'] as const) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, name]);
    const texts = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()));
    await once(child, 'close');

    assert.equal(texts[name].split('\n').length, 3001, texts[name].slice(0, 500));
    assert.equal(texts[name === 'stdout' ? 'stderr' : 'stdout'], '');
  }
});

test('a reader of the console that goes away does not end the program', async () => {
  const script = `
    const { createLogger } = await import(${JSON.stringify(logModule)});
    const logger = createLogger({ level: 'info' });
    process.stdin.resume();
    logger.info('First');
    process.stdin.once('end', async () => {
      for (let n = 0; n < 20; n += 1) {
        logger.info('Into the void');
        await new Promise((resolve) => setImmediate(resolve));
      }
      await logger.close();
      process.exit(7);
    });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  child.stdout.destroy();
  await once(child.stdout, 'close');
  child.stdin.end();

  const [code] = (await exited) as [number | null];

  assert.equal(code, 7);
});
