import { Command } from 'commander';
import { runBridge } from '../bridge/run.js';
import { isPattern } from '../bridge/streams.js';
import type { Sources } from '../bridge/worker-watch.js';
import { RULES } from '../instrument/options.js';
import { show } from '../lib/redact.js';
import { EXIT } from './args/exit-codes.js';
import { numberBy, parseText, parseUrl, textBy } from './args/values.js';
import { stopOnSignal } from './signals.js';
import { plain } from './terminal/text.js';

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
      textBy(RULES.poolName),
    )
    .option(
      '--deployment-version <version>',
      "the worker's version where its snapshot has none (default: service.version of OTEL_*)",
      textBy(RULES.deploymentVersion),
    )
    .option(
      '--drain-timeout <seconds>',
      "the drain_timeout of the worker's pool: sessions active then are dropped (default: no limit)",
      numberBy(RULES.drainTimeoutSeconds),
    )
    .option('--drain-file <file>', 'a file; while it exists, the worker drains', parseText)
    .option(
      '--tenant-limit <number>',
      'report the active sessions of each of the first tenants, 1 to 40 (default: not reported)',
      numberBy(RULES.tenantLimit),
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
  const isDelivered = await runBridge({
    sources: { jsonl, socket, url },
    poolName: flags.pool,
    deploymentVersion: flags.deploymentVersion,
    drainTimeoutSeconds: flags.drainTimeout,
    tenantLimit: flags.tenantLimit,
    drainFile: flags.drainFile,
    // A second signal ends the bridge without a goodbye: the worker may be alive.
    signal: stopOnSignal().signal,
    print: (line) => void console.log(plain(line)),
  });
  process.exitCode = isDelivered ? EXIT.complete : EXIT.failed;
}
