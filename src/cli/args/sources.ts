import { readFile } from 'node:fs/promises';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { type Command, Option } from 'commander';
import type { FactsSource } from '../../deploy/facts.js';
import type { PrometheusSource } from '../../deploy/prometheus/source.js';
import {
  type Address,
  durationBetween,
  LOOPBACK,
  parseAddress,
  parseMatcherText,
  parseText,
  parseUrl,
  UsageError,
} from './values.js';

/** Headers for Prometheus, such as a token or a tenant: `name=value`, percent-encoded, separated by commas. */
export const HEADERS_VARIABLE = 'OPENRTC_PROMETHEUS_HEADERS';
const DEFAULT_PORT = 4318;

/** Where facts come from, as the command line says. */
export interface SourceOptions {
  readonly prometheus?: URL;
  readonly listen?: Address;
  readonly headersFile?: string;
  readonly matchers?: string;
  readonly pool?: string;
  /** In s. */
  readonly queryTimeout?: number;
}

/** Where facts come from; a Prometheus answers other questions too. */
export interface Opened {
  readonly source: FactsSource;
  readonly prometheus?: PrometheusSource;
}

/** Adds the options that {@link openSource} takes; `withoutPool` is what is read when no pool is named. */
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
    .addOption(
      new Option('--matchers <matchers>', 'more label matchers for Prometheus, such as cluster="eu"')
        .argParser(parseMatcherText)
        .conflicts('listen'),
    )
    .addOption(
      new Option(
        '--headers-file <file>',
        `headers for Prometheus, one "Name: value" a line (default: ${HEADERS_VARIABLE})`,
      )
        .argParser(parseText)
        .conflicts('listen'),
    )
    .addOption(
      new Option(
        '--query-timeout <duration>',
        'how long a response of Prometheus may take; a request that fails is sent once more (default: 10 s)',
      )
        .argParser(durationBetween('1ms', '1h'))
        .conflicts('listen'),
    );
}

/** Opens the source; `print` gets the line that says where it listens, `note` what a receiver ignores. */
export async function openSource(
  options: SourceOptions,
  print: (line: string) => void,
  note = print,
): Promise<Opened> {
  if (options.prometheus) {
    const headers = options.headersFile
      ? readHeaders(options.headersFile, (await readFile(options.headersFile, 'utf8')).split('\n'), ':')
      : readHeaders(HEADERS_VARIABLE, (process.env[HEADERS_VARIABLE] ?? '').split(','), '=');
    const { prometheus: url, matchers, queryTimeout } = options;
    const { prometheusSource } = await import('../../deploy/prometheus/source.js');
    const prometheus = prometheusSource({
      url: url.href,
      headers,
      ...(matchers !== undefined && { matchers }),
      ...(queryTimeout !== undefined && { timeoutMs: Math.ceil(queryTimeout * 1000) }),
    });
    return { source: prometheus, prometheus };
  }
  const { host, port } = options.listen ?? { host: LOOPBACK, port: DEFAULT_PORT };
  const { openReceiver } = await import('../../deploy/receiver/receiver.js');
  const receiver = await openReceiver({ host, port }, (what) => note(`ignored: ${what}`));
  print(`listening on ${receiver.url}: workers report here with OTEL_EXPORTER_OTLP_ENDPOINT`);
  return { source: receiver };
}

/** Never shows what was given: it may be a token. */
function readHeaders(where: string, lines: readonly string[], between: ':' | '='): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    try {
      const at = line.indexOf(between);
      const name = line.slice(0, Math.max(0, at)).trim();
      const text = line.slice(at + 1).trim();
      const value = between === '=' ? decodeURIComponent(text).trim() : text;
      validateHeaderName(name);
      validateHeaderValue(name, value);
      headers[name] = value;
    } catch {
      throw new UsageError(
        `${where}: expected "name${between}value" in place ${index + 1}, got something else`,
      );
    }
  }
  return headers;
}
