import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { Backend } from './support/backend.js';
import { factsOf, JournalFolder, startWorker } from './support/journals.js';
import { plant } from './support/planted.js';

/**
 * How long a worker that recovers others may be held up, in ms. On two cores 18 to 45 were measured; where a journal is
 * read at once it is 900 and more. Others use the machine too: the best of some attempts counts.
 */
const LIMIT_MS = 150;
const ATTEMPTS = 3;

const PADDING = 'x'.repeat(1_700);
const MANY = Array.from({ length: 1_000 }, (_, n) => `dead-${n}`);

it.each<[string, readonly string[], number, string]>([
  ['a journal of 36,000 sessions, of more than 64 MiB', ['dead-0'], 36_000, PADDING],
  ['a thousand journals', MANY, 3, ''],
])(
  'a living neighbour recovers %s exactly, and is not held up',
  { timeout: 500_000 },
  async (_, ids, sessions, padding) => {
    const delays: number[] = [];
    const usual: number[] = [];
    while (delays.length < ATTEMPTS && !(Math.min(...delays) < LIMIT_MS)) {
      using folder = new JournalFolder();
      await using backend = await Backend.start();
      // Its answers must not be what is measured.
      backend.fault = (response, { path }, handOn) => (path === '/v1/traces' ? response.end() : handOn());
      await using worker = await startWorker(backend, folder, 'living', 2, {
        OTEL_METRIC_EXPORT_INTERVAL: '500',
      });
      await sleep(1_000);
      await worker.ask('longestTurn');
      await sleep(3_000);
      usual.push(await worker.ask<number>('longestTurn'));
      await plant(folder.path, ids, sessions, padding);
      const largest = Math.max(
        ...readdirSync(folder.path).map((file) => statSync(join(folder.path, file)).size),
      );
      if (padding !== '') expect(largest).toBeGreaterThan(64 * 1024 * 1024);
      await worker.ask('longestTurn');
      await vi.waitFor(
        () => {
          const dead = backend.workers.filter(({ id }) => id !== 'living');
          expect(dead.filter(({ exited, dropped }) => exited && dropped === sessions)).toHaveLength(
            ids.length,
          );
        },
        { timeout: 100_000, interval: 1_000 },
      );
      // To the last of its spans.
      await vi.waitFor(() => expect(readdirSync(folder.path)).toHaveLength(2), {
        timeout: 60_000,
        interval: 200,
      });
      delays.push(await worker.ask<number>('longestTurn'));
      expect(worker.said).toHaveLength(ids.length);
      expect(factsOf(backend, 'living')).toMatchObject({ exited: false, active: 2, dropped: 0 });
    }
    const list = (times: number[]) => times.map((time) => `${time.toFixed(0)} ms`).join(', ');
    console.log(`held up at most: ${list(delays)}; without recovery: ${list(usual)}`);
    expect(Math.min(...delays)).toBeLessThan(Math.max(LIMIT_MS, 1.5 * Math.min(...usual)));
  },
);
