import { spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newName } from '../../../src/journal/folder.js';
import { toLine } from '../../../src/journal/records.js';
import { changed } from '../../journal/dead.js';
import { IDENTITY, PlayedWorker } from '../../journal/support.js';

/** The head that a worker writes. */
async function headOf(workerId: string): Promise<string> {
  const path = mkdtempSync(join(tmpdir(), 'head-'));
  const attributes = { ...IDENTITY.attributes, 'openrtc.worker.id': workerId };
  const worker = new PlayedWorker(path, { ...IDENTITY, workerId, attributes });
  await worker.journal.open();
  const file = readdirSync(path).find((name) => name.endsWith('.journal')) ?? '';
  const [head = ''] = readFileSync(join(path, file), 'utf8').split('\n');
  await worker.journal.close({ goodbye: true, spans: true });
  rmSync(path, { recursive: true });
  return head;
}

/**
 * Leaves in a folder what workers leave that are killed: they come to sight all at once.
 * @param padding makes each session's line longer
 */
export async function plant(
  folder: string,
  ids: readonly string[],
  sessions: number,
  padding = '',
): Promise<void> {
  const names = ids.map(newName);
  const sockets = names.map((name) => join(folder, `${name}.sock`));
  const script = `const paths = ${JSON.stringify(sockets)}; let count = 0;
    for (const path of paths) require('net').createServer().listen(path, () => {
      if (++count === paths.length) process.kill(process.pid, 'SIGKILL');
    })`;
  spawnSync(process.execPath, ['-e', script]);
  const { dev, ino } = statSync(folder);
  const head = await headOf('w');
  for (const [index, name] of names.entries()) {
    const workerId = ids[index] ?? '';
    const file = join(folder, `${name}.planted`);
    writeFileSync(file, '', { mode: 0o600 });
    const at = Date.now();
    const sign = { at, active: sessions, dropped: 0 };
    const place = {
      device: String(dev),
      folder: String(ino),
      socket: String(lstatSync(sockets[index] ?? '').ino),
      file: String(lstatSync(file).ino),
    };
    const mine = changed(head, (record) => {
      const identity = {
        ...IDENTITY,
        workerId,
        attributes: { ...IDENTITY.attributes, 'openrtc.worker.id': workerId },
      };
      Object.assign(record, sign, { live: sessions });
      Object.assign(record.worker ?? {}, { name, place, identity });
    });
    const lines = Array.from({ length: sessions }, (_, n) => {
      const ids = { traceId: String(n + 1).padStart(32, '0'), spanId: String(n + 1).padStart(16, '0') };
      const session = {
        id: `${workerId}-${n}`,
        tenant: `acme${padding}`,
        startedAt: at,
        isSampled: true,
        ...ids,
      };
      return toLine({ kind: 'start', ...sign, session });
    });
    writeFileSync(file, [`${mine}\n`, ...lines, toLine({ kind: 'report', ...sign, values: {} })].join(''));
  }
  for (const name of names) renameSync(join(folder, `${name}.planted`), join(folder, `${name}.journal`));
}
