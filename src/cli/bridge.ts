import { Command } from 'commander';
import { runBridge } from '../bridge/bridge.js';
import { isPattern } from '../bridge/streams.js';
import type { Sources } from '../bridge/worker-watch.js';
import { RULES } from '../options.js';
import { type Rule, show } from '../rules.js';
import { EXIT } from './exit-codes.js';
import { plain } from './text.js';
import { parseText, parseUrl, wrong } from './values.js';

interface BridgeFlags extends Sources {
  readonly pool?: string;
  readonly deploymentVersion?: string;
  readonly drainTimeout?: number;
  readonly drainFile?: string;
  readonly tenantLimit?: number;
}

/** `openrtc-otel bridge`: a sidecar that reports OpenRTC (Python) workers. */
export function bridgeCommand(): Command {
  return new Command('bridge')
    .description(
      'Reports an OpenRTC (Python) worker by what it writes and serves. Reports go where OTEL_* says.',
    )
    .option(
      '--jsonl <file>',
      "the worker's --metrics-jsonl file; a quoted pattern for several workers: 'DIR/*.jsonl'",
      parseText,
    )
    .option('--socket <file>', "the worker's introspection socket", parseText)
    .option(
      '--url <url>',
      'a health endpoint of the worker that serves runtime_snapshot() as JSON',
      (url) => parseUrl(url).href,
    )
    .option(
      '--pool <name>',
      'the name of the pool (default: service.name of OTEL_*, else "default")',
      ruled('poolName'),
    )
    .option(
      '--deployment-version <version>',
      "the worker's version where its snapshot has none (default: service.version of OTEL_*)",
      ruled('deploymentVersion'),
    )
    .option(
      '--drain-timeout <seconds>',
      "the drain_timeout of the worker's pool: what is active then is dropped (default: no limit)",
      ruledNumber('drainTimeoutSeconds'),
    )
    .option('--drain-file <file>', 'a file whose existence says that the worker drains', parseText)
    .option(
      '--tenant-limit <number>',
      'reports active sessions of the first tenants each, 1 to 40 (default: not reported)',
      ruledNumber('tenantLimit'),
    )
    .action(run);
}

async function run(flags: BridgeFlags, command: Command): Promise<void> {
  const { jsonl, socket, url } = flags;
  const refuse = (message: string) =>
    command.error(`error: ${message}`, { exitCode: EXIT.usage, code: 'usage' });
  if (jsonl === undefined && socket === undefined && url === undefined) {
    refuse('expected at least one of --jsonl, --socket and --url, got none');
  }
  if (jsonl !== undefined && isPattern(jsonl) && (socket !== undefined || url !== undefined)) {
    refuse(`option '--jsonl': expected one file beside --socket or --url, got ${show(jsonl)}`);
  }
  const ending = new AbortController();
  // A second signal ends the bridge at once, without a goodbye: the worker may be alive.
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => ending.abort());
  const isDelivered = await runBridge({
    sources: { jsonl, socket, url },
    poolName: flags.pool,
    deploymentVersion: flags.deploymentVersion,
    drainTimeoutSeconds: flags.drainTimeout,
    tenantLimit: flags.tenantLimit,
    drainFile: flags.drainFile,
    signal: ending.signal,
    print: (line) => void console.log(plain(line)),
  });
  process.exitCode = isDelivered ? EXIT.complete : EXIT.failed;
}

const ruled = (option: 'poolName' | 'deploymentVersion') => (given: string) =>
  checked(given, given, RULES[option]);

const ruledNumber = (option: 'drainTimeoutSeconds' | 'tenantLimit') => (given: string) =>
  checked(given.trim() === '' ? Number.NaN : Number(given), given, RULES[option]);

function checked<T>(value: T, given: string, [expected, isRight]: Rule): T {
  if (!isRight(value)) throw wrong(expected, given);
  return value;
}
