import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { FactsSource } from '../deploy/facts.js';
import { type Address, LOOPBACK, parseAddress, parseText, parseUrl } from './values.js';

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
    .addOption(
      new Option(
        '--matchers <matchers>',
        'more label matchers for Prometheus, such as cluster="eu"',
      ).argParser(parseText),
    )
    .addOption(
      new Option(
        '--headers-file <file>',
        `headers for Prometheus, one "Name: value" a line (default: ${HEADERS_VARIABLE})`,
      ).argParser(parseText),
    );
}

/** Opens the source; `say` tells where it listens. */
export async function openSource(options: SourceOptions, say: (line: string) => void): Promise<FactsSource> {
  if (options.prometheus) {
    const headers = options.headersFile
      ? readHeaders(await readFile(options.headersFile, 'utf8'), /\r?\n/, ':')
      : readHeaders(process.env[HEADERS_VARIABLE] ?? '', ',', '=');
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

/** Never shows a value: it may be a token. */
function readHeaders(text: string, separator: string | RegExp, between: string): Record<string, string> {
  const lines = text.split(separator).map((line) => line.trim());
  return Object.fromEntries(
    lines.filter(Boolean).map((line, index) => {
      const at = line.indexOf(between);
      const name = line.slice(0, at).trim();
      const value = line.slice(at + 1).trim();
      if (at < 1 || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
        throw new InvalidArgumentError(`header ${index + 1}: expected "name${between}value"`);
      }
      return [name, between === '=' ? decodeURIComponent(value) : value];
    }),
  );
}
