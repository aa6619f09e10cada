import { readFile } from 'node:fs/promises';
import { formatProblem } from '../cluster/manifests/problem.ts';
import { gatewayError, reasonOf } from '../errors.ts';
import { withLines, withTemplates, withVerdict } from '../explain/annotate.ts';
import { explain as explainRequest } from '../explain/explain.ts';
import type { Explanation } from '../explain/explanation.ts';
import { readQuestion, type AskedRequest } from '../explain/request.ts';
import { explanationText } from '../explain/text.ts';
import { refused } from '../model/token.ts';
import { makeCertificate } from '../nginx/default-certificate.ts';
import { redactText } from '../model/redact.ts';
import { assumedCapabilities, installedNginx, openOneShot } from './one-shot.ts';
import type { ExplainOptions } from './program.ts';
import { chooseStateDir, readSettings } from './settings.ts';

/** Milliseconds that a running program may take; it may be in the middle of a pass. */
const askMs = 60_000;

/** The most that is read of its answer: a location lists at most 50 others. */
const mostBytes = 4 * 1024 * 1024;

/**
 * Says what nginx does with one request: by some manifests, as `render` would print them, or asked of a running program.
 * @returns 1 where a path or file of manifests has a problem, and what was told may be another's; else 0, whatever
 * becomes of the request
 * @throws GatewayError CNG_USAGE, CNG_DEBUG_NOT_ANSWERING, and those of `render`
 */
export async function explain(url: string, options: ExplainOptions): Promise<number> {
  const question = { url, method: options.method, headers: options.header, client: options.client };
  const asked = readQuestion(question);
  if (refused(asked)) {
    throw gatewayError('CNG_USAGE', { reason: asked.error });
  }
  if (options.debugUrl !== undefined && options.manifests.length > 0) {
    const reason = 'explain asks a running program (--debug-url) or reads manifests (--manifests), not both';
    throw gatewayError('CNG_USAGE', { reason });
  }
  const { explanation, problems } =
    options.debugUrl === undefined
      ? await fromManifests(asked.value, options)
      : { explanation: await fromProgram(options.debugUrl, asked.value, options), problems: 0 };
  const text = options.json ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation);
  process.stdout.write(redactText(text));
  return problems === 0 ? 0 : 1;
}

async function fromManifests(
  asked: AskedRequest,
  options: ExplainOptions,
): Promise<{ readonly explanation: Explanation; readonly problems: number }> {
  const { config } = await readSettings(options);
  if (config.kubernetes.manifests.length === 0) {
    const reason = 'explain needs --manifests, or --debug-url of a running program';
    throw gatewayError('CNG_USAGE', { reason });
  }
  const capabilities = (await installedNginx(config.nginx.binaryPath)) ?? assumedCapabilities;
  const { manifests, pipeline, snapshot, extensions } = await openOneShot(config, {
    stateDir: chooseStateDir(config),
    capabilities,
    defaultCertificate: await makeCertificate(),
  });
  for (const problem of manifests.problems) {
    console.error(formatProblem(problem));
  }
  const { model, verdicts, candidate } = pipeline.build(snapshot, new Map(), Date.now());
  const replaced = extensions.choose().units.flatMap(({ templates }) => templates.map(({ name }) => name));
  const judged = withVerdict(explainRequest(model, capabilities, asked), verdicts);
  const explanation = withTemplates(judged, replaced);
  return { explanation: withLines(explanation, candidate), problems: manifests.problems.length };
}

/** Asks `/debug/explain` of a running program. */
async function fromProgram(
  debugUrl: string,
  asked: AskedRequest,
  { tokenFile }: ExplainOptions,
): Promise<Explanation> {
  if (!URL.canParse(debugUrl) || !/^https?:\/\//u.test(debugUrl)) {
    throw gatewayError('CNG_USAGE', {
      reason: `--debug-url is no URL: write for example http://127.0.0.1:8081`,
    });
  }
  const page = new URL('/debug/explain', debugUrl);
  page.search = queryOf(asked);
  const where = `${page.protocol}//${page.host}/debug/explain`;
  const token = tokenFile === undefined ? null : (await readToken(tokenFile)).trim();
  let answer: { readonly status: number; readonly text: string };
  try {
    const response = await fetch(page, {
      redirect: 'error',
      signal: AbortSignal.timeout(askMs),
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
    });
    answer = { status: response.status, text: await bodyOf(response) };
  } catch (cause) {
    const reason =
      cause instanceof Error && cause.cause !== undefined ? reasonOf(cause.cause) : reasonOf(cause);
    throw gatewayError('CNG_DEBUG_NOT_ANSWERING', { url: where, reason }, { cause });
  }
  const read = parsed(answer.text);
  if (answer.status === 200 && isExplanation(read)) {
    return read;
  }
  const said =
    typeof read === 'object' && read !== null && 'error' in read ? String(read.error) : 'no explanation';
  throw gatewayError('CNG_DEBUG_NOT_ANSWERING', { url: where, reason: `${answer.status}, ${said}` });
}

async function readToken(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw gatewayError('CNG_USAGE', { reason: `--token-file cannot be read: ${reasonOf(cause)}` }, { cause });
  }
}

function queryOf({ url, method, headers, client, hostHeader, ownHost }: AskedRequest): string {
  const query = new URLSearchParams({ url, method, ...(client !== null && { client }) });
  for (const { name, value } of [...(ownHost ? [{ name: 'Host', value: hostHeader }] : []), ...headers]) {
    query.append('header', `${name}: ${value}`);
  }
  return query.toString();
}

async function bodyOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > mostBytes) {
      throw new RangeError(`the answer is longer than ${mostBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Of another server: what it says is no JSON.
    return null;
  }
}

/** Of a program of ours: its parts are there. Another server's JSON has none of them. */
function isExplanation(value: unknown): value is Explanation {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['request', 'listener', 'server', 'location', 'steps', 'outcome', 'verdict', 'remarks'].every((name) =>
      Object.hasOwn(value, name),
    )
  );
}
