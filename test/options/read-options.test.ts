import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isToken } from '../../src/model/token.ts';
import { notSupported } from '../../src/options/not-supported.ts';
import { defaultOptions, optionTable } from '../../src/options/options.ts';
import { readOptions } from '../../src/options/read-options.ts';

function reasonOf(data: Record<string, string>, lastGood: Record<string, string> | null = null): string {
  const { reasons } = readOptions(data, lastGood);
  assert.equal(reasons.length, 1, JSON.stringify(reasons));
  assert.equal(reasons[0]?.field, `data["${Object.keys(data)[0]}"]`);
  return reasons[0]?.message ?? '';
}

/** Every text that a value is printed from. */
function textsOf(value: unknown): string[] {
  if (isToken(value)) {
    return [value.text];
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

describe('readOptions', () => {
  test('an empty ConfigMap is the defaults', () => {
    const { options, inForce, reasons } = readOptions({}, {});

    assert.deepEqual(options, defaultOptions);
    assert.deepEqual(inForce, {});
    assert.deepEqual(reasons, []);
  });

  test('good values are parsed and remembered', () => {
    const { options, inForce, reasons } = readOptions(
      { 'keep-alive': '30', 'use-gzip': 'true', 'proxy-real-ip-cidr': '10.0.0.0/8, 192.0.2.1' },
      {},
    );

    assert.equal(options['keep-alive'].text, '30s');
    assert.equal(options['use-gzip'], true);
    assert.deepEqual(
      options['proxy-real-ip-cidr'].map(({ text }) => text),
      ['10.0.0.0/8', '192.0.2.1'],
    );
    assert.equal(inForce?.['keep-alive'], '30');
    assert.deepEqual(reasons, []);
  });

  test('a bad value keeps the last good one, and says so', () => {
    const { options, inForce } = readOptions({ 'keep-alive': 'soon' }, { 'keep-alive': '30' });

    assert.equal(options['keep-alive'].text, '30s');
    assert.equal(inForce?.['keep-alive'], '30');
    const message = reasonOf({ 'keep-alive': 'soon' }, { 'keep-alive': '30' });
    assert.match(message, /"soon" is not a time: write digits.*the last good value, "30", stays in force/u);
  });

  test('without a last good value the default holds', () => {
    assert.equal(readOptions({ 'keep-alive': 'soon' }, {}).options['keep-alive'].text, '75s');
    assert.match(reasonOf({ 'keep-alive': 'soon' }), /the default is used$/u);
  });

  test('what keeps somebody out lets nobody in while it cannot be read', () => {
    const bad = readOptions(
      { 'whitelist-source-range': '10.0.0.0/8,office', 'block-cidrs': 'x', 'no-auth-locations': 'x' },
      null,
    ).options;

    assert.deepEqual(
      bad['whitelist-source-range'].map(({ text }) => text),
      ['0.0.0.0/32'],
    );
    assert.deepEqual(
      bad['block-cidrs'].map(({ text }) => text),
      ['0.0.0.0/1', '128.0.0.0/1', '8000::/1', '::/1'],
    );
    assert.deepEqual(bad['no-auth-locations'], []);
    assert.match(reasonOf({ 'whitelist-source-range': 'office' }), /strictest/u);
  });

  test('a protection that cannot be built closes; switched off it does not', () => {
    assert.match(
      readOptions({ 'modsecurity-snippet': 'SecRuleScript x' }, null).closing[0]?.message ?? '',
      /every route answers 503/u,
    );
    // A check that cannot be read is not the one that was asked for; a page to log in is none.
    for (const [key, isClosing] of [
      ['global-auth-url', true],
      ['global-auth-method', true],
      ['global-auth-response-headers', true],
      ['global-auth-request-redirect', true],
      ['global-auth-cache-duration', true],
      ['global-auth-always-set-cookie', true],
      ['global-auth-signin', false],
      ['global-auth-cache-key', false],
    ] as const) {
      assert.equal(readOptions({ [key]: '; bad "' }, null).closing.length, isClosing ? 1 : 0, key);
    }
    assert.equal(readOptions({ 'global-auth-response-headers': 'Content-Length' }, null).closing.length, 1);
    assert.deepEqual(
      readOptions({ 'global-auth-url': 'bad' }, { 'global-auth-url': 'http://auth.x.svc/' }).options[
        'global-auth-url'
      ],
      readOptions({ 'global-auth-url': 'http://auth.x.svc/' }, {}).options['global-auth-url'],
    );
    assert.deepEqual(readOptions({ 'enable-modsecurity': 'false' }, {}).closing, []);
  });

  test('a slip in an edit does not close what was open: the last good form did not have it', () => {
    const slip = {
      'whitelist-source-range': 'office',
      'http-snippet': 'server { listen 1; ',
      'global-auth-url': 'bad',
    };
    const { options, inForce, closing, reasons } = readOptions(slip, { 'keep-alive': '30' });

    assert.deepEqual(options, defaultOptions);
    assert.deepEqual(inForce, {});
    assert.deepEqual(closing, []);
    assert.equal(reasons.length, 3);
    for (const { field, message } of reasons) {
      assert.match(
        message,
        /the last good form of the ConfigMap does not have it, and stays in force$/u,
        field,
      );
    }
  });

  test('what was closed when it went live stays closed until it is corrected or removed', () => {
    const list = { 'whitelist-source-range': 'office' };
    const first = readOptions(list, null);
    const again = readOptions(list, first.inForce);

    assert.equal(first.options['whitelist-source-range'][0]?.text, '0.0.0.0/32');
    assert.deepEqual(again.options, first.options);
    // What lets nothing be served is no good form of anything.
    const snippet = { 'http-snippet': 'server { listen 1; ' };
    assert.equal(readOptions(snippet, null).inForce, null);
    // Removed and put back wrong, it is a slip in an edit.
    const removed = readOptions({}, again.inForce);
    assert.deepEqual(readOptions({ ...list, ...snippet }, removed.inForce).options, defaultOptions);
  });

  test('unknown keys are told, with the key that was meant', () => {
    assert.match(reasonOf({ keepalive: '30' }), /is unknown and has no effect: did you mean keep-alive\?/u);
    assert.match(reasonOf({ 'something-else': '30' }), /is unknown and has no effect: remove it/u);
    assert.match(reasonOf({ 'use-geoip2': 'true' }), /has no effect: stock nginx has no such module/u);
  });

  test('a log format of ingress-nginx is taken, and what it cannot print is told', () => {
    const data = { 'log-format-upstream': '$remote_addr [$proxy_upstream_name] ${namespace}/$ingress_name' };

    const { options } = readOptions(data, {});

    assert.equal(options['log-format-upstream'].text, data['log-format-upstream']);
    assert.deepEqual(readOptions(data, {}).reasons, []);
    const score = { 'log-format-upstream': '[$balancer_ewma_score] $the_real_ip' };
    assert.equal(readOptions(score, {}).options['log-format-upstream'].text, '[] ${remote_addr}');
    assert.match(reasonOf(score), /prints nothing for \$balancer_ewma_score/u);
    assert.match(reasonOf({ 'log-format-upstream': 'costs $ 5' }), /begins no variable/u);
    assert.match(reasonOf({ 'log-format-upstream': '$1' }), /begins no variable/u);
  });

  test('patterns that capture are refused', () => {
    assert.match(reasonOf({ 'block-user-agents': '~(bot|spider)' }), /group that captures/u);
    const { options } = readOptions({ 'block-user-agents': 'curl/8, ~*(?:bot|spider)' }, {});
    assert.deepEqual(
      options['block-user-agents'].map(({ exact, regex }) => exact?.text ?? regex?.text),
      ['curl/8', '(?i)(?:bot|spider)'],
    );
  });
});

describe('the table of options', () => {
  test('no key is both supported and not', () => {
    assert.deepEqual(
      [...optionTable.keys()].filter((key) => notSupported.has(key)),
      [],
    );
  });

  for (const [key, spec] of optionTable) {
    test(`${key}: hostile texts are refused, or are one value`, () => {
      for (const tail of ['\n', '\r', '\0', '\u2028', ';', '}', ' {', '"']) {
        for (const sample of samples) {
          const parsed = spec.parse(sample + tail + 'load_module x;');
          if ('value' in parsed) {
            for (const text of textsOf(parsed.value)) {
              assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u);
            }
          }
        }
      }
      assert.ok(spec.description.endsWith('.'), 'a description is a sentence');
    });
  }
});

const samples = ['', '1', 'on', 'true', '10.0.0.0/8', '/path', 'a/b', '~x', 'text', '4 8k', 'auto'];
