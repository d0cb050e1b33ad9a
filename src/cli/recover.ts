import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { Folder, newName } from '../journal/folder.js';
import { LivenessSocket } from '../journal/liveness-socket.js';
import { loadDelivery, Recoverer } from '../journal/recoverer.js';
import { readEnvironment } from '../worker/environment.js';
import { EXIT } from './args/exit-codes.js';
import { stopOnSignal } from './signals.js';
import { plain } from './terminal/text.js';

const POLL_EVERY_MS = 200;

/** `openrtc-otel recover DIR`: sends the goodbyes of the dead workers whose journals are in a folder. */
export function recoverCommand(): Command {
  return new Command('recover')
    .description(
      'Sends the goodbyes of dead workers, from their journals in DIR, to where the OTEL_* environment says.',
    )
    .argument('<dir>', 'the folder that the workers have as their option journal')
    .option('--follow', 'go on until SIGTERM or SIGINT, and then check once more', false)
    .action(async (dir: string, { follow }: { readonly follow: boolean }) => {
      process.exitCode = await recover(dir, follow);
    });
}

async function recover(dir: string, isFollowing: boolean): Promise<number> {
  // First of all: the first process of a container never hears of a signal that nobody handles.
  const stop = isFollowing ? stopOnSignal().signal : undefined;
  const environment = readEnvironment();
  for (const complaint of environment.complaints) console.error(complaint);
  if (environment.disabled || !environment.exports.METRICS) {
    console.error('OTEL_SDK_DISABLED or OTEL_METRICS_EXPORTER=none: no goodbye can be sent');
    return EXIT.usage;
  }
  const folder = new Folder(dir);
  const name = newName();
  const recoverer = new Recoverer(folder, name, environment, {
    delivered: ({ poolName, workerId, version }, dropped) =>
      console.log(plain(`sent the goodbye of ${workerId} (${poolName}, ${version}): ${dropped} dropped`)),
    left: (message) => console.error(plain(message)),
  });
  try {
    if (!stop && !existsSync(folder.path)) throw new Error('there is no such folder');
    // Keeps this process alive while it waits for answers.
    const socket = new LivenessSocket(folder, name, true);
    try {
      await socket.listen();
      if (stop) await follow(recoverer, socket, stop);
      // A worker of which a recovery is under way may have died since.
      await recoverer.settled();
      const { left } = await recoverer.look(false);
      return left > 0 ? EXIT.failed : EXIT.complete;
    } finally {
      await recoverer.settled();
      socket.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    console.error(`no recovery in ${folder.path}: ${code ?? message}`);
    return EXIT.failed;
  }
}

async function follow(recoverer: Recoverer, socket: LivenessSocket, stop: AbortSignal): Promise<void> {
  await loadDelivery();
  while (!stop.aborted) {
    // A folder that cannot be used for a while: what is found out of it is said by the look.
    await socket.listen().catch(() => {});
    // Not waited for: while one goodbye waits for its answer, another worker can die.
    void recoverer.look();
    await sleep(POLL_EVERY_MS, undefined, { signal: stop }).catch(() => {});
  }
}
