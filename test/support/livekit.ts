import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { LiveKitJob } from '../../src/pools/livekit/index.js';

// A process of the test runner is killed in the end, and would leave the socket of its job processes behind.
const dir = mkdtempSync(join(tmpdir(), 'openrtc-otel-test-'));
process.env.TMPDIR = dir;
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What must never leave the process. */
export const SECRETS = {
  token: 'planted-token',
  apiKey: 'planted-api-key',
  apiSecret: 'planted-api-secret',
  room: 'planted-room-name',
  metadata: 'planted-metadata',
};

interface RunningJob {
  readonly job: LiveKitJob & { readonly room: { readonly name: string } };
  readonly token: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly url: string;
}

/** A job as LiveKit's server lists it, secrets included. */
export function runningJob(id: string, job: Partial<LiveKitJob> = {}): RunningJob {
  return {
    job: {
      id,
      metadata: JSON.stringify({ tenant: 'acme', note: SECRETS.metadata }),
      agentName: 'support',
      state: { startedAt: 1_700_000_000_123_000_000n },
      ...job,
      room: { name: SECRETS.room },
    },
    token: SECRETS.token,
    apiKey: SECRETS.apiKey,
    apiSecret: SECRETS.apiSecret,
    url: `wss://${SECRETS.apiKey}@example.com/${SECRETS.room}`,
  };
}

/** A class that is to `livekitPool()` what `AgentServer` is: with private fields, and methods on its prototype. */
export function createServerClass() {
  return class AgentServer {
    readonly event = new EventEmitter();
    readonly apiSecret = SECRETS.apiSecret;
    readonly calls: string[] = [];
    #jobs = new Map<string, RunningJob>();

    get activeJobs(): RunningJob[] {
      return [...this.#jobs.values()];
    }

    /** Jobs that were accepted and have a process. */
    add(...jobs: RunningJob[]): void {
      for (const { job } of jobs) this.answer(true, job.id);
      this.list(...jobs);
    }

    list(...jobs: RunningJob[]): void {
      for (const job of jobs) this.#jobs.set(job.job.id, job);
    }

    remove(id: string): void {
      this.#jobs.delete(id);
    }

    answer(available: boolean, jobId = 'j'): void {
      this.send('availability', { jobId, available });
    }

    /** Sends a message to the LiveKit server. */
    send(kind: string, value: unknown): void {
      this.event.emit('worker_msg', { message: { case: kind, value } });
    }

    async run(): Promise<void> {
      if (this.calls.includes('run')) throw new Error('worker is already running');
      return this.#untilEnd('run');
    }

    drain(timeout?: number): Promise<void> {
      this.calls.push(`timeout ${timeout}`);
      return this.#untilEnd('drain');
    }

    close(): Promise<void> {
      return this.#untilEnd('close');
    }

    /** Lets a method end that was called: with an error where one is given. */
    end(method: 'run' | 'drain' | 'close', error?: Error): void {
      this.event.emit(`end of ${method}`, error);
    }

    async #untilEnd(method: string): Promise<void> {
      this.calls.push(method);
      const [error] = await once(this.event, `end of ${method}`);
      if (error) throw error;
    }
  };
}
