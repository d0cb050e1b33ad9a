import { DEFAULT_TENANT } from '../../attributes.js';
import { isDate } from '../../lib/validate.js';
import type { SessionInfo } from '../../worker/pool.js';

/** What is read of a job of LiveKit. Its room, and what `activeJobs` holds beside it, can be secret or personal. */
export interface LiveKitJob {
  readonly id: string;
  /** What the dispatch was given. */
  readonly metadata: string;
  readonly agentName: string;
  /** `startedAt` in Unix nanoseconds, 0 when the server does not send it. */
  readonly state?: { readonly startedAt: bigint } | undefined;
}

const NANOSECONDS_A_MILLISECOND = 1_000_000;

/** A job as a session. @param acceptedAt for a server that does not send when it started */
export function sessionOf(
  { id, metadata, agentName, state }: LiveKitJob,
  acceptedAt = new Date(),
): SessionInfo {
  const startedAt = new Date(Number(state?.startedAt ?? 0) / NANOSECONDS_A_MILLISECOND);
  return {
    id,
    tenant: tenantOf(metadata),
    ...(agentName && { agentName }),
    startedAt: isDate(startedAt) && startedAt.getTime() > 0 ? startedAt : acceptedAt,
  };
}

/** The `tenant` of a job's metadata, where that is JSON and names one. */
export function tenantOf(metadata: string): string {
  try {
    const { tenant } = JSON.parse(metadata);
    return typeof tenant === 'string' && tenant !== '' ? tenant : DEFAULT_TENANT;
  } catch {
    return DEFAULT_TENANT;
  }
}
