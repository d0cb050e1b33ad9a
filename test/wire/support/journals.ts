import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { WorkerFacts } from '../../../src/deploy/index.js';
import type { Backend } from './backend.js';
import { Child } from './child.js';
import { reportingTo } from './environment.js';
import { eventually } from './eventually.js';

/** A folder for journals, that goes with the test. */
export class JournalFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'journals-'));

  get files(): string[] {
    return readdirSync(this.path);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Starts a worker with a journal, that has so many sessions by the time its reports tell of them. */
export async function startWorker(
  backend: Backend,
  folder: JournalFolder,
  id: string,
  sessions: number,
  more: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const variables = { JOURNAL: folder.path, WORKER_ID: id, ...more };
  const worker = new Child('fixtures/journal-worker.js', reportingTo(backend, variables));
  await worker.ask('start', sessions);
  await eventually(() => expect(factsOf(backend, id)?.active).toBe(sessions));
  return worker;
}

export const factsOf = (backend: Backend, id: string): WorkerFacts | undefined =>
  backend.workers.find((facts) => facts.id === id);

/** Starts the command; its first word is `recover`. */
export const recover = (
  backend: Pick<Backend, 'url'>,
  folder: { readonly path: string },
  ...options: string[]
): Child => new Child('../../dist/cli/main.js', reportingTo(backend), ['recover', folder.path, ...options]);

/** The spans that say how sessions of a worker ended, each once. */
export function endsOf(backend: Backend, id: string) {
  const spans = backend.spans.filter(
    ({ name, attributes }) => name === 'openrtc.session' && attributes['openrtc.worker.id'] === id,
  );
  expect(new Set(spans.map(({ spanId }) => spanId)).size, 'no session is told twice').toBe(spans.length);
  return spans;
}

/** The goodbyes of one worker. */
export const goodbyesOf = (backend: Backend, id: string) =>
  backend.goodbyes.filter((points) => points.some((point) => point.attributes['openrtc.worker.id'] === id));
