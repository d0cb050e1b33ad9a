import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { FactsSource } from '../deploy/facts.js';
import {
  type Address,
  checkMatchers,
  LOOPBACK,
  parseAddress,
  parseText,
  parseUrl,
  UsageError,
} from './values.js';

/** Headers for Prometheus, such as a token or a tenant: `name=value`, percent-encoded, separated by commas. */
export const HEADERS_VARIABLE = 'OPENRTC_PROMETHEUS_HEADERS';
const DEFAULT_PORT = 4318;
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Where facts come from, as the command line says. */
export interface SourceOptions {
  readonly prometheus?: URL;
  readonly listen?: Address;
  readonly headersFile?: string;
  readonly matchers?: string;
  readonly pool?: string;
}

/** Adds the options that {@link openSource} takes; `withoutPool` says what is looked at when no pool is named. */
export function addSourceOptions(command: Command, withoutPool = 'the only one there is'): Command {
  return command
    .addOption(
      new Option('--prometheus <url>', 'ask the Prometheus HTTP API at this base URL')
        .argParser(parseUrl)
        .conflicts('listen'),
    )
    .addOption(
      new Option(
        '--listen [[host:]port]',
        'be the OTLP/HTTP receiver that the workers report to; it has no authentication',
      )
        .argParser(parseAddress)
        .preset(`${LOOPBACK}:${DEFAULT_PORT}`),
    )
    .option('--pool <name>', `the pool (default: ${withoutPool})`, parseText)
    .option(
      '--matchers <matchers>',
      'more label matchers for Prometheus, such as cluster="eu"',
      checkMatchers,
    )
    .option(
      '--headers-file <file>',
      `headers for Prometheus, one "Name: value" a line (default: ${HEADERS_VARIABLE})`,
      parseText,
    );
}

/** Opens the source; `say` tells where it listens. */
export async function openSource(options: SourceOptions, say: (line: string) => void): Promise<FactsSource> {
  if (options.prometheus) {
    const headers = options.headersFile
      ? readHeaders(options.headersFile, (await readFile(options.headersFile, 'utf8')).split('\n'), ':')
      : readHeaders(HEADERS_VARIABLE, (process.env[HEADERS_VARIABLE] ?? '').split(','), '=');
    const { prometheus: url, matchers } = options;
    const { prometheusSource } = await import('../deploy/prometheus.js');
    return prometheusSource({ url: url.href, headers, ...(matchers !== undefined && { matchers }) });
  }
  const { host, port } = options.listen ?? { host: LOOPBACK, port: DEFAULT_PORT };
  const { startReceiver } = await import('../deploy/receiver.js');
  const receiver = await startReceiver({ host, port });
  say(`listening on ${receiver.url}: workers report here with OTEL_EXPORTER_OTLP_ENDPOINT`);
  return receiver;
}

/** Never shows what was given: it may be a token. */
function readHeaders(where: string, lines: readonly string[], between: ':' | '='): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const at = line.indexOf(between);
    const name = line.slice(0, at).trim();
    const text = line.slice(at + 1);
    const value = (between === '=' ? percentDecoded(text) : text)?.trim();
    if (at < 1 || !HEADER_NAME.test(name) || value === undefined || !HEADER_VALUE.test(value)) {
      throw new UsageError(
        `${where}: expected "name${between}value" in place ${index + 1}, got something else`,
      );
    }
    headers[name] = value;
  }
  return headers;
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
