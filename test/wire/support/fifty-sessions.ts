// What the fixture of the same name is to report.
import { expect } from 'vitest';

/** The attributes of every datapoint and session span. */
export const WORKER = {
  'openrtc.pool.name': 'voice',
  'openrtc.worker.id': 'w-1',
  'openrtc.worker.version': 'v1',
  region: 'eu',
};

/** The values of the reports, from phase to phase. */
export const BEFORE_THE_FIRST_SESSION = {
  'openrtc.active_sessions': 0,
  'openrtc.draining': 0,
  'openrtc.deployment_version': 1,
  'openrtc.dropped_sessions': 0,
  'openrtc.start_time': expect.any(Number),
  'openrtc.report.interval': 0.2,
  'openrtc.drain.elapsed': 0,
  'openrtc.drain.timeout': 30,
  'openrtc.sessions.started': 0,
  'openrtc.sessions.ended success': 0,
  'openrtc.sessions.ended failed': 0,
  'openrtc.sessions.ended cancelled': 0,
  'openrtc.sessions.ended dropped': 0,
  'openrtc.sessions.ended unknown': 0,
  'openrtc.jobs.rejected draining': 0,
  'openrtc.jobs.rejected at_capacity': 0,
  'openrtc.jobs.rejected invalid': 0,
  'openrtc.jobs.rejected unavailable': 0,
  'openrtc.jobs.rejected other': 0,
};

export const WITH_FIFTY_SESSIONS = {
  ...BEFORE_THE_FIRST_SESSION,
  'openrtc.active_sessions': 50,
  'openrtc.tenant.active_sessions tenant-0': 17,
  'openrtc.tenant.active_sessions tenant-1': 17,
  'openrtc.tenant.active_sessions other': 16,
  'openrtc.sessions.started': 50,
  'openrtc.jobs.rejected at_capacity': 1,
};

export const DRAINING_WITH_THREE = {
  ...WITH_FIFTY_SESSIONS,
  'openrtc.active_sessions': 3,
  'openrtc.draining': 1,
  'openrtc.drain.elapsed': expect.any(Number),
  'openrtc.tenant.active_sessions tenant-0': 1,
  'openrtc.tenant.active_sessions tenant-1': 1,
  'openrtc.tenant.active_sessions other': 1,
  'openrtc.sessions.ended success': 30,
  'openrtc.sessions.ended failed': 8,
  'openrtc.sessions.ended cancelled': 5,
  'openrtc.sessions.ended unknown': 4,
  'openrtc.jobs.rejected draining': 1,
  'openrtc.jobs.rejected invalid': 2,
  'openrtc.jobs.rejected unavailable': 1,
  'openrtc.jobs.rejected other': 1,
};

/** Gauges only. */
export const GOODBYE = {
  ...gaugesOf(DRAINING_WITH_THREE),
  'openrtc.active_sessions': 0,
  'openrtc.deployment_version': 0,
  'openrtc.dropped_sessions': 3,
  'openrtc.tenant.active_sessions tenant-0': 0,
  'openrtc.tenant.active_sessions tenant-1': 0,
  'openrtc.tenant.active_sessions other': 0,
};

function gaugesOf(report: Record<string, unknown>): Record<string, unknown> {
  const isCounter = (series: string) => /^openrtc\.(sessions|jobs)\./.test(series);
  return Object.fromEntries(Object.entries(report).filter(([series]) => !isCounter(series)));
}

/** How the 50 sessions end, in the order of their start. */
export function outcomeOf(index: number): string {
  if (index < 30) return 'success';
  if (index < 38) return 'failed';
  if (index < 43) return 'cancelled';
  return index < 47 ? 'unknown' : 'dropped';
}
