import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SpanKind, TraceFlags, trace } from '@opentelemetry/api';
import { afterEach, beforeEach } from 'vitest';
import { POOL_NAME, WORKER_ID, WORKER_VERSION } from '../../src/attributes.js';
import { Journal, type JournalOwner } from '../../src/journal/journal.js';
import { type LastKnown, Replay } from '../../src/journal/replay.js';
import { readEnvironment } from '../../src/worker/environment.js';
import type { LiveSession } from '../../src/worker/sessions.js';
import { noTotals, type WorkerIdentity } from '../../src/worker/worker.js';
import { TestPool } from '../support/pools.js';
import { createWorker } from '../support/workers.js';

export const IDENTITY: WorkerIdentity = {
  poolName: 'voice',
  workerId: 'w-1',
  version: 'v1',
  startedAt: 1_700_000_000_000,
  attributes: { [POOL_NAME]: 'voice', [WORKER_ID]: 'w-1', [WORKER_VERSION]: 'v1', region: 'eu' },
};

/** Gives each test a folder. */
export function useFolder(): { readonly path: string; files(): string[]; the(kind: string): string } {
  let path = '';
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'journal-'));
  });
  afterEach(() => rmSync(path, { recursive: true, force: true }));
  const files = () => readdirSync(path);
  return {
    get path() {
      return path;
    },
    files,
    the: (kind) => join(path, files().find((file) => file.endsWith(kind)) ?? `no ${kind}`),
  };
}

function createLive(id: string, startedAt = new Date()): LiveSession {
  const traceId = Buffer.from(id.padEnd(16, '.').slice(0, 16)).toString('hex');
  const spanId = Buffer.from(id.padEnd(8, '.').slice(0, 8)).toString('hex');
  const span = trace.wrapSpanContext({ traceId, spanId, traceFlags: TraceFlags.SAMPLED });
  return { id, tenant: 'acme', agentName: 'support', startedAt, span };
}

/** What a journal tells. */
export function replay(text: string): LastKnown {
  const replay = new Replay();
  for (const line of text.split('\n')) replay.take(line);
  return replay.result();
}

/** A worker that a test plays: what it says of itself and of its sessions goes into a journal. */
export class PlayedWorker {
  readonly totals = noTotals();
  readonly live = new Map<string, LiveSession>();
  /** Active sessions that it was not told of. */
  untold = 0;
  draining = false;
  readonly tenants = new Map<string, number>();
  looks = 0;
  readonly journal: Journal;

  constructor(folder: string, identity: WorkerIdentity = IDENTITY) {
    const environment = readEnvironment();
    const { totals, live } = this;
    const owner: JournalOwner = {
      worker: { identity, resource: {}, spanKind: SpanKind.CONSUMER },
      totals,
      environment,
      get live() {
        return live.values();
      },
      readNow: () => this.look(),
    };
    this.journal = new Journal(folder, owner);
  }

  start(id: string): void {
    const session = createLive(id);
    this.totals.started++;
    this.live.set(id, session);
    this.journal.started(session);
  }

  end(id: string): void {
    const session = this.live.get(id);
    if (!session) throw new Error(`${id} is not live`);
    this.live.delete(id);
    this.journal.ended(session);
  }

  look(): void {
    this.looks++;
    const active = this.live.size + this.untold;
    this.journal.reported({
      ...createWorker(new TestPool()).read(),
      active,
      draining: Number(this.draining),
      tenants: [...this.tenants],
    });
  }
}
