import type { ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { SourceError } from '../../../src/deploy/facts.js';
import { type PrometheusOptions, prometheusSource } from '../../../src/deploy/prometheus/source.js';
import { answerJson, FakePrometheus, succeed } from './fake-prometheus.js';

const SECRET = 'glc_s3cr3t';

let prometheus: FakePrometheus;
beforeEach(async () => {
  prometheus = await FakePrometheus.start('/prometheus');
});
afterEach(() => prometheus[Symbol.asyncDispose]());

/** The message of what asking throws. It must be for the operator, and never hold a secret. */
async function refusal(options: Partial<PrometheusOptions> = {}): Promise<string> {
  const source = prometheusSource({ url: prometheus.url, headers: { authorization: SECRET }, ...options });
  const error = await source.pools().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SourceError);
  const { message } = error as SourceError;
  expect(message).not.toContain(SECRET);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what would move the cursor of a terminal
  expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  return message.replaceAll(prometheus.host, 'HOST');
}

const html = (response: ServerResponse, status = 200) =>
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end('<html>Sign in</html>');

describe('a Prometheus can not be asked', () => {
  it('where nothing listens', async () => {
    await prometheus[Symbol.asyncDispose]();
    expect(await refusal()).toBe('Prometheus at http://HOST/prometheus: nothing listens there');
  });

  it('where there is no such host', async () => {
    expect(await refusal({ url: 'http://nowhere.invalid:9090' })).toBe(
      'Prometheus at http://nowhere.invalid:9090: its host name is not known',
    );
  });

  it('where it breaks the connection', async () => {
    prometheus.fault = (response) => response.destroy();
    expect(await refusal()).toBe(
      'Prometheus at http://HOST/prometheus: it cannot be reached (UND_ERR_SOCKET)',
    );
  });

  it.each([
    ['at all', (): void => {}],
    ['to the end', (response: ServerResponse) => response.writeHead(200).write('{"status":')],
  ])('where it does not answer %s', async (_, fault) => {
    prometheus.fault = fault;
    expect(await refusal({ timeoutMs: 200 })).toBe(
      'Prometheus at http://HOST/prometheus: no answer within 0.2 s',
    );
  });

  it.each<[string, (response: ServerResponse) => unknown, string]>([
    [
      'a redirection, which is not followed',
      (response) => response.writeHead(302, { location: `/login?token=${SECRET}` }).end(),
      'it redirects to http://HOST/login',
    ],
    [
      'a redirection to nowhere',
      (response) => response.writeHead(302, { location: 'http://' }).end(),
      'it redirects to another address',
    ],
    [
      '401',
      (response) => answerJson(response, 401, { status: 'error', error: 'no org id' }),
      'it refuses access (401): a token, a tenant or a password is missing or wrong',
    ],
    [
      '403 and a web page',
      (response) => html(response, 403),
      'it refuses access (403): a token, a tenant or a password is missing or wrong',
    ],
    ['a web page', html, 'it answers with a web page (200): give the base URL of the Prometheus API'],
    [
      'a web page that says it is none',
      (response) => response.end('\n<!doctype html>'),
      'it answers with a web page (200): give the base URL of the Prometheus API',
    ],
    [
      'JSON of something else, and 404',
      (response) => answerJson(response, 404, { message: 'Not found' }),
      'there is no Prometheus API (404): give the base URL, without /api/v1',
    ],
    ['502', (response) => response.writeHead(502).end('upstream'), 'it answers 502 Bad Gateway'],
    ['text', (response) => response.end('ok'), 'what it answers is no JSON of the Prometheus API'],
    ['JSON null', (response) => response.end('null'), 'what it answers is no JSON of the Prometheus API'],
    ['nothing', (response) => response.end(), 'what it answers is no JSON of the Prometheus API'],
    [
      'an error',
      (response) =>
        answerJson(response, 422, {
          status: 'error',
          errorType: 'execution',
          error: 'too many\n\u001b[31msamples',
        }),
      'it cannot answer: too many [31msamples',
    ],
    [
      'an error of a length without an end',
      (response) => answerJson(response, 503, { status: 'error', error: 'x'.repeat(9_999) }),
      `it cannot answer: ${'x'.repeat(282)}…`,
    ],
    [
      'another kind of value',
      (response) =>
        answerJson(response, 200, { status: 'success', data: { resultType: 'scalar', result: [1, '1'] } }),
      'its answer is no vector',
    ],
    ['no data', (response) => answerJson(response, 200, { status: 'success' }), 'its answer is no vector'],
    ['junk in a vector', (response) => succeed(response, [null], 0), 'its answer is no vector'],
    [
      'a part of what there is, as VictoriaMetrics can',
      (response) => succeed(response, [], 0, { isPartial: true }),
      'its answer is not whole: a store is down',
    ],
    [
      'a part of what there is, as Thanos can',
      (response) => succeed(response, [], 0, { warnings: ['store-1: connection refused'] }),
      'its answer is not whole: store-1: connection refused',
    ],
  ])('where it answers with %s', async (_, fault, words) => {
    prometheus.fault = fault;
    expect(await refusal()).toBe(`Prometheus at http://HOST/prometheus: ${words}`);
  });

  it('where the URL is wrong', async () => {
    expect(await refusal({ url: `http://${prometheus.host}` })).toBe(
      'Prometheus at http://HOST: there is no Prometheus API (404): give the base URL, without /api/v1',
    );
  });

  it('under a URL with a password, and the message does not tell it', async () => {
    prometheus.fault = (response) => html(response);
    const message = await refusal({
      url: `http://me:${SECRET}@${prometheus.host}/?token=${SECRET}`,
      headers: {},
    });
    expect(message).toMatch(/^Prometheus at http:\/\/HOST: it answers with a web page/);
  });
});

describe('a request', () => {
  it.each(['/prometheus', '/prometheus/', '/prometheus//'])('goes to the API under %s', async (path) => {
    prometheus.known = [{ fact: 'cameUp', labels: { openrtc_pool_name: 'voice' }, value: 1 }];
    const source = prometheusSource({ url: `http://${prometheus.host}${path}` });
    expect(await source.pools()).toEqual(['voice']);
  });

  it('has the headers, the matchers and the timeout, and asks for the whole and fresh truth', async () => {
    const source = prometheusSource({
      url: prometheus.url,
      headers: { 'X-Scope-OrgID': 'tenant-1', Authorization: `Bearer ${SECRET}` },
      matchers: 'cluster="eu", env!="dev"',
      timeoutMs: 1_234,
    });
    await expect(source.pools()).rejects.toThrow('no report of a worker with cluster="eu",env!="dev"');
    const [{ query, parameters, headers } = expect.unreachable()] = prometheus.asked;
    expect(headers).toMatchObject({ 'x-scope-orgid': 'tenant-1', authorization: `Bearer ${SECRET}` });
    expect(query).toContain('{__name__=~"openrtc_start_time(_seconds)?",cluster="eu",env!="dev"}');
    expect(Object.fromEntries(parameters)).toEqual({
      query,
      timeout: '1234ms',
      nocache: '1',
      partial_response: 'false',
      deny_partial_response: '1',
      dedup: 'false',
      lookback_delta: '5m',
    });
  });

  it('has the user and the password of the URL', async () => {
    const source = prometheusSource({ url: `http://me:p%40ss@${prometheus.host}/prometheus` });
    await expect(source.pools()).rejects.toThrow('no report');
    expect(prometheus.asked[0]?.headers.authorization).toBe(`Basic ${btoa('me:p@ss')}`);
  });

  it('passes over the warning of a Thanos that has nothing as old as the window', async () => {
    prometheus.fault = (response) =>
      succeed(response, [], Date.now(), { warnings: ['No StoreAPIs matched for this query'] });
    expect(await refusal()).toContain('no report of a worker');
  });
});

describe('a request that fails', () => {
  const known = [{ fact: 'cameUp', labels: { openrtc_pool_name: 'voice' }, value: 1 }];
  /** Fails so many times, and then answers. */
  const failing = (times: number, fail: (response: ServerResponse) => unknown) => {
    prometheus.known = known;
    prometheus.fault = (response) => {
      if (prometheus.asked.length >= times) prometheus.fault = undefined;
      fail(response);
    };
    return prometheusSource({ url: prometheus.url, timeoutMs: 300 });
  };

  it.each<[string, (response: ServerResponse) => unknown]>([
    ['503', (response) => response.writeHead(503).end('busy')],
    ['502', (response) => response.writeHead(502).end('gone')],
    ['504', (response) => response.writeHead(504).end('late')],
    ['429', (response) => response.writeHead(429).end('slow down')],
    ['a connection that breaks', (response) => response.destroy()],
    ['an answer that breaks off', (response) => response.writeHead(200).write('{', () => response.destroy())],
    ['no answer', () => {}],
  ])('is sent once more: %s', async (_, fail) => {
    expect(await failing(1, fail).pools()).toEqual(['voice']);
    expect(prometheus.asked).toHaveLength(2);
    await expect(failing(4, fail).pools()).rejects.toBeInstanceOf(SourceError);
    expect(prometheus.asked).toHaveLength(4);
  });

  it('ends where Node collects its garbage while no answer comes', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const timer = setInterval(collect, 50);
    await expect(failing(4, () => {}).pools()).rejects.toThrow('no answer within 0.3 s');
    clearInterval(timer);
  }, 10_000);

  it.each([400, 401, 404, 422, 500])('is not sent again after %d', async (status) => {
    await expect(failing(9, (response) => response.writeHead(status).end()).pools()).rejects.toThrow();
    expect(prometheus.asked).toHaveLength(1);
  });

  it('waits as long as the server asks for, and no longer than an answer may take', async () => {
    const wait = (seconds: string) => (response: ServerResponse) =>
      response.writeHead(503, { 'retry-after': seconds }).end();
    prometheus.known = known;
    prometheus.fault = (response) => {
      prometheus.fault = undefined;
      wait('1')(response);
    };
    const began = performance.now();
    const source = prometheusSource({ url: prometheus.url });
    expect(await source.pools()).toEqual(['voice']);
    expect(performance.now() - began).toBeGreaterThan(990);
    prometheus.fault = wait('40');
    await expect(source.pools()).rejects.toThrow('it answers 503');
    expect(prometheus.asked).toHaveLength(3);
    // And the next read is no sooner.
    expect(source.pollMs).toBeGreaterThan(39_000);
    prometheus.fault = wait('9999');
    await expect(source.pools()).rejects.toThrow('it answers 503');
    expect(source.pollMs).toBeLessThanOrEqual(90_000);
  });

  it('comes back not in step with those of others', async () => {
    prometheus.fault = (response) => response.writeHead(503, { 'retry-after': '40' }).end();
    const rest = async (random: number) => {
      vi.spyOn(Math, 'random').mockReturnValue(random);
      onTestFinished(() => void vi.restoreAllMocks());
      const source = prometheusSource({ url: prometheus.url });
      await expect(source.pools()).rejects.toThrow('it answers 503');
      return source.pollMs;
    };
    expect((await rest(0.99)) - (await rest(0))).toBeGreaterThan(15_000);
  });

  it('is not sent again, and ends, when the source is closed', async () => {
    prometheus.fault = () => {};
    const source = prometheusSource({ url: prometheus.url });
    const asking = source.pools();
    asking.catch(() => {});
    while (prometheus.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await source[Symbol.asyncDispose]();
    await expect(asking).rejects.toBeInstanceOf(SourceError);
    expect(prometheus.asked).toHaveLength(1);
  });

  it('is one whose answer has no end', async () => {
    const megabyte = 'x'.repeat(1024 * 1024);
    let sent = 0;
    prometheus.fault = (response) => {
      const more = () => {
        while (!response.destroyed && response.write(megabyte)) sent += 1;
      };
      response.on('drain', more).on('error', () => {});
      more();
    };
    expect(await refusal()).toBe(
      'Prometheus at http://HOST/prometheus: its answer is larger than 64 MiB: ask for one pool, or for less with matchers',
    );
    expect(sent).toBeLessThan(90);
  });
});

describe('wrong options', () => {
  it.each<[unknown, string]>([
    [{ url: 'ftp://host' }, "option url: expected an http or https URL, got 'ftp://host'"],
    [
      { url: `host:${SECRET}@x` },
      'option url: expected an http or https URL, got one that may hold a secret',
    ],
    [
      { url: `host?token=${SECRET}` },
      'option url: expected an http or https URL, got one that may hold a secret',
    ],
    [`http://me:${SECRET}@host`, 'options: expected an object, got string'],
    [{}, 'option url: expected an http or https URL, got undefined'],
    [
      { url: 'http://host', headers: [SECRET] },
      'option headers: expected a record of texts, got something else',
    ],
    [
      { url: 'http://host', headers: { 'x y': SECRET } },
      "option headers: expected names and values of headers, got another at 'x y'",
    ],
    [
      { url: 'http://host', headers: { authorization: `${SECRET}\nx` } },
      "option headers: expected names and values of headers, got another at 'authorization'",
    ],
    [
      { url: 'http://host', headers: { authorization: 1 } },
      "option headers: expected names and values of headers, got another at 'authorization'",
    ],
    [
      { url: 'http://host', matchers: 'a' },
      `option matchers: expected label matchers such as cluster="eu",env="prod", got 'a'`,
    ],
    [
      { url: `http://${SECRET}:100%@host` },
      'option url: expected a percent-encoded user and password, got others',
    ],
    [
      { url: 'http://host', timeoutMs: 0 },
      'option timeoutMs: expected a whole number from 1 to 3600000, got 0',
    ],
    [
      { url: 'http://host', timeoutMs: 1.5 },
      'option timeoutMs: expected a whole number from 1 to 3600000, got 1.5',
    ],
    [
      { url: 'http://host', token: SECRET },
      'option token: expected one of url, headers, matchers, timeoutMs',
    ],
  ])('%o', (options, message) => {
    expect(() => prometheusSource(options as PrometheusOptions)).toThrow(new TypeError(message));
  });
});
