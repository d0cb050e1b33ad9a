import type { SessionOutcome } from '../../attributes.js';
import { attempt } from '../../lib/attempt.js';

/** What is used of a job's room. */
export interface LiveKitRoom {
  on(event: 'disconnected', listener: (reason: number) => void): unknown;
}

/** The reason of a job whose entry threw. */
const CRASHED = 'job crashed';
/** The reason of a job whose agent is no longer in its room, for whatever reason that is. */
const ROOM_DISCONNECTED = 'room disconnected';

/** Why an agent is no longer in its room: the numbers of LiveKit's protocol. */
const CLIENT_INITIATED = 1;
const PARTICIPANT_REMOVED = 4;
const ROOM_DELETED = 5;
const ROOM_CLOSED = 10;
/** With all others the caller is cut off: the media server died, the connection was lost, another took the place. */
const HANG_UPS = new Set([CLIENT_INITIATED, PARTICIPANT_REMOVED, ROOM_DELETED, ROOM_CLOSED]);

/** LiveKit ends a job's process that has heard nothing of its worker for 15 s; its timer can be a little early. */
export const ORPHANED_AFTER_MS = 14_900;
const PING_EVERY_MS = 2_500;

/**
 * Tells how a job ended, from inside its process. LiveKit gives one reason for a caller who hung up, a media server
 * that died and a process that its worker forgot: the room's own reason and the worker's pings tell them apart.
 */
export class Ending {
  #roomReason: number | undefined;
  /** Before the first ping: as if one had come just before the job. */
  #heardAt = performance.now() - PING_EVERY_MS;
  #hasHeard = false;
  #wasOrphaned = false;

  /** Only when a job runs: LiveKit must be the first that listens to the worker. */
  constructor(room: LiveKitRoom | undefined, worker: Pick<NodeJS.EventEmitter, 'on'> = process) {
    attempt(() => {
      room?.on('disconnected', (reason) => {
        this.#roomReason ??= reason;
      });
    }, undefined);
    worker.on('message', (message: { case?: unknown } | null) => {
      if (message?.case === 'pingRequest') this.#hear();
    });
  }

  /** @param reason what LiveKit tells its worker */
  outcomeOf(reason: unknown): SessionOutcome {
    if (reason === CRASHED) return 'failed';
    // The agent was done, or the server asks for the end, as it also does for a room that is gone.
    if (reason !== ROOM_DISCONNECTED && reason !== undefined) return 'success';
    // Up to 1.7 neither of them has a reason.
    if (this.#roomReason === undefined) return reason === undefined ? 'success' : 'unknown';
    if (!HANG_UPS.has(this.#roomReason)) return 'dropped';
    // A process that ends as an orphan leaves its room as one does that is done.
    if (this.#roomReason !== CLIENT_INITIATED || !this.#isOrphaned) return 'success';
    return this.#hasHeard ? 'dropped' : 'unknown';
  }

  /** Also when pings came again: by then LiveKit had begun to end the process. */
  get #isOrphaned(): boolean {
    return this.#wasOrphaned || performance.now() - this.#heardAt >= ORPHANED_AFTER_MS;
  }

  #hear(): void {
    this.#wasOrphaned = this.#isOrphaned;
    this.#heardAt = performance.now();
    this.#hasHeard = true;
  }
}
