import { existsSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { parseSocketAnswer, type SocketFacts } from './parse.js';
import { Poll, textOf } from './poll.js';

/** Beside its socket OpenRTC keeps a folder for the pids of job processes: with isolation="process" alone. */
const JOB_PROCESSES = '.jobs';

/**
 * Polls the introspection socket. A worker that is stalled, even stopped, accepts and does not answer: its connection
 * is kept, without a limit of time, because it breaks when the worker dies.
 */
export class SocketPoll extends Poll {
  #isMissing = false;

  /** @param onAnswer is given when the socket was made, in Unix ms: another one is another worker's. */
  constructor(
    readonly path: string,
    readonly onAnswer: (answer: SocketFacts, boundAt: number) => void,
  ) {
    super();
  }

  /** Whether the worker took its socket away, as OpenRTC does when it closes and a killed one cannot. */
  get isRemoved(): boolean {
    return this.#isMissing && this.sign !== 'unseen';
  }

  protected get name(): string {
    return this.path;
  }

  protected send(): Socket | undefined {
    const boundAt = statSync(this.path, { throwIfNoEntry: false })?.mtimeMs;
    this.#isMissing = boundAt === undefined;
    if (boundAt === undefined) return undefined;
    const socket = connect(this.path);
    socket.on('connect', () => this.reachability.answered());
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      // Its queue of connections is full: it lives.
      if (code === 'EAGAIN') this.reachability.answered();
      else this.reachability.refused();
    });
    void this.#read(socket, boundAt);
    return socket;
  }

  async #read(socket: Socket, boundAt: number): Promise<void> {
    const text = await textOf(socket).catch(() => '');
    const answer = parseSocketAnswer(text);
    if (!answer) return this.misread(text, "those of OpenRTC's introspection");
    this.read(answer.oddities);
    const hasJobProcesses = existsSync(this.path + JOB_PROCESSES);
    this.onAnswer({ ...answer, facts: { ...answer.facts, hasJobProcesses } }, boundAt);
  }
}
