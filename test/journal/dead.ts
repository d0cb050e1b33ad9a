import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { DEPLOYMENT_VERSION, SESSION_SPAN } from '../../src/attributes.js';
import { readEnvironment } from '../../src/environment.js';
import { Folder, newName } from '../../src/journal/folder.js';
import { toLine } from '../../src/journal/records.js';
import { Recoverer } from '../../src/journal/recoverer.js';
import { usePipeline } from '../support/pipeline.js';
import { valueIn } from '../support/points.js';
import { PlayedWorker, useFolder } from './support.js';

/** Gives each test a folder for the journals of dead workers, and a collector that hears of them. */
export function useRecovery() {
  const folder = useFolder();
  const workshop = useFolder();
  const pipeline = usePipeline();
  const told: string[] = [];
  const left: string[] = [];
  beforeEach(() => {
    told.length = 0;
    left.length = 0;
  });
  const path = (file: string) => join(folder.path, file);

  /** What a worker wrote that is killed with these sessions, and the name of its journal. */
  async function play(sessions: readonly string[]): Promise<{ name: string; lines: string[] }> {
    const worker = new PlayedWorker(workshop.path);
    await worker.journal.open();
    for (const id of sessions) worker.start(id);
    const journal = workshop.the('.journal');
    const lines = readFileSync(journal, 'utf8').trimEnd().split('\n');
    const name = journal.slice(-'012345678901.journal'.length, -'.journal'.length);
    await worker.journal.close({ goodbye: true, spans: true });
    return { name, lines };
  }

  return {
    folder,
    workshop,
    pipeline,
    told,
    left,
    path,
    play,
    /** Leaves what a killed worker leaves. */
    leave: async (sessions: readonly string[] = ['a', 'b']) => {
      const { name, lines } = await play(sessions);
      leaveSocket(path(`${name}.sock`));
      writeFileSync(path(`${name}.journal`), `${lines.join('\n')}\n`, { mode: 0o600 });
      return { name, lines };
    },
    createRecoverer: (of = new Folder(folder.path)) =>
      new Recoverer(of, newName(), readEnvironment(), {
        told: ({ workerId }, dropped) => told.push(`${workerId}: ${dropped}`),
        left: (message) => left.push(message),
      }),
    goodbyes: () => pipeline.collector.reports.filter((report) => valueIn(report, DEPLOYMENT_VERSION) === 0),
    spans: () => pipeline.collector.spans.filter(({ name }) => name === SESSION_SPAN),
  };
}

/** Leaves a socket on which nobody listens any more. */
export function leaveSocket(path: string): void {
  const listen = `require('net').createServer().listen(${JSON.stringify(path)}, `;
  spawnSync(process.execPath, ['-e', `${listen}() => process.kill(process.pid, 'SIGKILL'))`]);
}

/** The line of a record that says something else in some of its members. */
export function changed(line: string, change: (record: Record<string, object>) => unknown): string {
  const record = JSON.parse(line.slice('01234567 '.length));
  change(record);
  return toLine(record).trimEnd();
}
