import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { readEnvironment } from '../environment.js';
import { Beacon } from '../journal/beacon.js';
import { Folder, newName } from '../journal/folder.js';
import { loadTell, type Recovered, Recoverer } from '../journal/recoverer.js';
import { EXIT } from './exit-codes.js';
import { plain } from './text.js';

const LOOK_EVERY_MS = 200;

/** `openrtc-otel recover DIR`: says the goodbyes of the dead workers whose journals are in a folder. */
export function recoverCommand(): Command {
  return new Command('recover')
    .description(
      'Say the goodbyes of dead workers, from their journals in DIR, to where the OTEL_* environment says.',
    )
    .argument('<dir>', 'the folder that the workers have as their option journal')
    .option('--follow', 'go on until SIGTERM or SIGINT, and then look once more', false)
    .action(async (dir: string, { follow }: { readonly follow: boolean }) => {
      process.exitCode = await recover(dir, follow);
    });
}

async function recover(dir: string, isFollowing: boolean): Promise<number> {
  const end = new AbortController();
  // First of all: the first process of a container never hears of a signal that nobody handles.
  if (isFollowing)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end.abort());
  const environment = readEnvironment();
  for (const complaint of environment.complaints) console.error(complaint);
  if (environment.disabled || !environment.exports.METRICS) {
    console.error('OTEL_SDK_DISABLED or OTEL_METRICS_EXPORTER=none: no goodbye can be said');
    return EXIT.usage;
  }
  const folder = new Folder(dir);
  const name = newName();
  const recoverer = new Recoverer(folder, name, environment, {
    told: ({ poolName, workerId, version }, dropped) =>
      console.log(plain(`said the goodbye of ${workerId} (${poolName}, ${version}): ${dropped} dropped`)),
    left: (message) => console.error(plain(message)),
  });
  try {
    if (!isFollowing && !existsSync(folder.path)) throw new Error('there is no such folder');
    // Keeps this process alive while it waits for answers.
    const beacon = new Beacon(folder, name, true);
    try {
      await beacon.light();
      if (isFollowing) await follow(recoverer, beacon, end.signal);
      // What is looked at already may have died since.
      await recoverer.settled();
      return exitCode(await recoverer.look(false));
    } finally {
      await recoverer.settled();
      beacon.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    console.error(`no recovery in ${folder.path}: ${code ?? message}`);
    return EXIT.failed;
  }
}

async function follow(recoverer: Recoverer, beacon: Beacon, signal: AbortSignal): Promise<void> {
  await loadTell();
  while (!signal.aborted) {
    await beacon.light();
    // Not waited for: while one goodbye waits for its answer, another worker can die.
    void recoverer.look();
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

const exitCode = ({ left }: Recovered) => (left > 0 ? EXIT.failed : EXIT.complete);
