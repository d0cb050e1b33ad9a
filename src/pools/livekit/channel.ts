import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SESSION_OUTCOMES, type SessionOutcome } from '../../attributes.js';
import { errorClass, warn } from '../../lib/warn.js';

/** The environment that job processes inherit: where their worker listens, and which version it reports. */
export const CHANNEL = 'OPENRTC_OTEL_LIVEKIT_CHANNEL';
export const VERSION = 'OPENRTC_OTEL_LIVEKIT_VERSION';

/** One line of a job process: that it runs a job, and later how the job's session ended. */
export interface JobLine {
  readonly job: string;
  readonly outcome?: SessionOutcome;
}

export interface JobListener {
  onJobTracked(id: string): void;
  /** `dropped` when the process ended before it reported an outcome. */
  onJobEnded(id: string, outcome: SessionOutcome): void;
}

/**
 * Where the job processes of this process report. Not their IPC channel: that is LiveKit's, and ends without a
 * word too. The system closes a socket with its process, however that ends.
 */
class JobChannel {
  readonly listeners = new Set<JobListener>();

  constructor() {
    try {
      process.env[CHANNEL] = this.#listen();
    } catch (error) {
      warnClosed(error);
    }
  }

  #listen(): string {
    const path = socketPath();
    const server = createServer((socket) => this.#read(socket));
    server.on('error', warnClosed);
    server.listen(path).unref();
    return path;
  }

  #read(socket: Socket): void {
    let job: string | undefined;
    let hasEnded = false;
    const end = (outcome: SessionOutcome) => {
      if (job === undefined || hasEnded) return;
      hasEnded = true;
      for (const listener of this.listeners) listener.onJobEnded(job, outcome);
    };
    socket.unref();
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => end('dropped'));
    createInterface(socket).on('line', (line) => {
      const read = parse(line);
      if (read && job === undefined) {
        job = read.job;
        for (const listener of this.listeners) listener.onJobTracked(job);
      }
      if (read?.outcome) end(read.outcome);
    });
  }
}

let channel: JobChannel | undefined;

/** The one channel of this process: its environment has room for one. */
export function jobChannel(): JobChannel {
  channel ??= new JobChannel();
  return channel;
}

/** In a folder that only this user can enter. */
function socketPath(): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\openrtc-otel-${crypto.randomUUID()}`;
  const dir = mkdtempSync(join(tmpdir(), 'openrtc-otel-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'jobs');
}

function parse(line: string): JobLine | undefined {
  try {
    const { job, outcome } = JSON.parse(line);
    if (typeof job !== 'string') return undefined;
    return SESSION_OUTCOMES.includes(outcome) ? { job, outcome } : { job };
  } catch {
    return undefined;
  }
}

const warnClosed = (error: unknown) =>
  warn(`job processes cannot report (${errorClass(error)}): their sessions end as unknown`);
