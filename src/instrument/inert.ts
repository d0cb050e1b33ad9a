import { INVALID_SPAN_CONTEXT, trace } from '@opentelemetry/api';
import { UNVERSIONED } from '../attributes.js';
import { completed, runToEnd } from '../worker/pool.js';
import type { Telemetry, TelemetrySession } from './handle.js';

const startSession: Telemetry['startSession'] = (info): TelemetrySession => ({
  info: completed(info, UNVERSIONED),
  span: trace.wrapSpanContext(INVALID_SPAN_CONTEXT),
  run: (fn) => fn(),
  end: () => {},
});

/** What `instrument()` gives in a process that is no worker: code runs, and nothing is reported. */
export const INERT: Telemetry = {
  workerId: '',
  deploymentVersion: UNVERSIONED,
  startSession,
  session: async (info, fn) => runToEnd(startSession(info), fn),
  rejectJob: () => {},
  shutdown: async () => ({ delivered: false, droppedSessions: 0 }),
  [Symbol.asyncDispose]: async () => {},
};
