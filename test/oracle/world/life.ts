/** One session of a worker, in ms of the world. `lost`: its own process died at `to`, the worker lives on. */
export interface Session {
  readonly from: number;
  to: number;
  lost?: boolean;
}

type End =
  | { readonly how: 'goodbye'; readonly at: number }
  /** `recoveredAt`: when another process says its goodbye. */
  | { readonly how: 'kill'; readonly at: number; readonly recoveredAt?: number };

/** What really happens to a worker, in ms of the world: true times, whatever its clock says. */
export interface Life {
  readonly pool: string;
  readonly id: string;
  readonly version: string;
  readonly bornAt: number;
  readonly intervalMs: number;
  readonly sessions: Session[];
  drainAt?: number | undefined;
  drainTimeoutMs?: number | undefined;
  end?: End;
  /** From when on its clock is off by how much; the last step that has come counts. */
  readonly clock: { from: number; offset: number }[];
  /** The start that it tells, where it is not its own: an id used twice. */
  toldStart?: number;
  /** Whether an earlier life had its id. */
  isSecond?: boolean;
  /** From when on its telemetry is cut; it lives on. */
  cutAt?: number;
}

export const endOf = ({ end }: Life): number => end?.at ?? Number.POSITIVE_INFINITY;

export function offsetAt({ clock }: Life, at: number): number {
  return clock.findLast(({ from }) => from <= at)?.offset ?? 0;
}

/** Sessions it really has at a moment of its life. */
export function activeAt(life: Life, at: number): number {
  if (at < life.bornAt || at >= endOf(life)) return 0;
  return life.sessions.filter(({ from, to }) => from <= at && at < to).length;
}

/** Sessions that its end cuts off. */
export function lostAtEnd(life: Life): number {
  const end = endOf(life);
  return life.sessions.filter(({ from, to }) => from < end && to > end && end < Number.POSITIVE_INFINITY)
    .length;
}

/** Sessions that died alone so far. */
export function lostAlone(life: Life, at: number): number {
  return life.sessions.filter(({ to, lost }) => lost && to <= at && to < endOf(life)).length;
}

export const isDrainingAt = ({ drainAt }: Life, at: number): boolean =>
  drainAt !== undefined && drainAt <= at;
