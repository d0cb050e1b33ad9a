import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Backend } from './support/backend.js';
import { Child } from './support/child.js';
import { reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';
import { factsOf, goodbyesOf, JournalFolder, recover } from './support/journals.js';

it.each<[string, (child: Child) => unknown, boolean]>([
  ['is terminated', (child) => child.ask('terminate', 'a'), false],
  ['runs out of memory', (child) => child.ask('hoard', 'a'), false],
  ['ends with a process that exits', (child) => void child.ask('exit').catch(() => {}), true],
  ['ends with a process that is killed', (child) => child.kill(), true],
])('a worker in a thread that %s is told exactly, and none beside it that lives', async (_, end, endsAll) => {
  using folder = new JournalFolder();
  await using backend = await Backend.start();
  await using child = new Child(
    'fixtures/journal-threads.js',
    reportingTo(backend, { JOURNAL: folder.path }),
  );
  await child.ask('start', 'a', 3);
  await child.ask('start', 'b', 2);
  await eventually(() => expect(factsOf(backend, 'a')?.active).toBe(3));
  await eventually(() => expect(factsOf(backend, 'b')?.active).toBe(2));
  await using early = recover(backend, folder);
  expect(await early.exit).toEqual({ code: 0, signal: null });
  expect(backend.goodbyes, 'both live').toEqual([]);

  await end(child);
  if (endsAll) await child.exit;
  await eventually(async () => {
    await using command = recover(backend, folder);
    await command.exit;
    expect(factsOf(backend, 'a')).toMatchObject({ exited: true, dropped: 3 });
  });
  expect(goodbyesOf(backend, 'a')).toHaveLength(1);
  if (endsAll) return expect(factsOf(backend, 'b')).toMatchObject({ exited: true, dropped: 2 });
  await sleep(500);
  expect(factsOf(backend, 'b')).toMatchObject({ exited: false, active: 2 });
});
