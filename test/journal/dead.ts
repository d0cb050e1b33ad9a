import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { METRICS, SESSION_SPAN } from '../../src/attributes.js';
import { Folder, newName } from '../../src/journal/folder.js';
import { toLine } from '../../src/journal/records.js';
import { Recoverer } from '../../src/journal/recoverer.js';
import { readEnvironment } from '../../src/worker/environment.js';
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

  /** Writes a journal as if its worker had written it here. Returns its lines. */
  function write(name: string, [head = '', ...lines]: readonly string[]): string[] {
    const [file, socket] = [path(`${name}.journal`), path(`${name}.sock`)];
    writeFileSync(file, '', { mode: 0o600 });
    const inode = (of: string) => String(existsSync(of) ? lstatSync(of).ino : 0);
    const place = { ...new Folder(folder.path).place(), socket: inode(socket), file: inode(file) };
    const placed = [changed(head, ({ worker = {} }) => Object.assign(worker, { place })), ...lines];
    writeFileSync(file, `${placed.join('\n')}\n`);
    return placed;
  }

  return {
    folder,
    workshop,
    pipeline,
    told,
    left,
    path,
    play,
    write,
    /** Leaves what a killed worker leaves. */
    leave: async (sessions: readonly string[] = ['a', 'b']) => {
      const { name, lines } = await play(sessions);
      leaveSocket(path(`${name}.sock`));
      return { name, lines: write(name, lines) };
    },
    createRecoverer: (of = new Folder(folder.path)) =>
      new Recoverer(of, newName(), readEnvironment(), {
        delivered: ({ workerId }, dropped) => told.push(`${workerId}: ${dropped}`),
        left: (message) => left.push(message),
      }),
    goodbyes: () => pipeline.collector.reports.filter((report) => valueIn(report, METRICS.running) === 0),
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
