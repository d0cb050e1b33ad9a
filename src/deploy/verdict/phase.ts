import { DECIDING_KEYS, METRICS } from '../../attributes.js';
import type { Assessment } from './assessment.js';
import { isStuck } from './drained.js';
import type { Phase, Verdict } from './verdict.js';
import { blindness, gaps } from './words.js';

const DECIDING = DECIDING_KEYS.map((key) => METRICS[key]);

/** Where the deploy stands, from its workers and its checks. */
export function phaseOf(assessment: Assessment, checks: Verdict['checks']): Phase {
  const { accepting, old, others, expected, awaited, now } = assessment;
  // What is absent is never good news, and not even bad news.
  if (blindness(assessment) || gaps(assessment, ...DECIDING)) return 'unknown';
  // It fails only where another version took over.
  if (checks.version.state === 'failed') return 'superseded';
  if (accepting.length === 0) return 'waiting';
  if (old.some((worker) => isStuck(worker, now))) return 'stuck';
  if (others.some(({ draining }) => !draining) || accepting.length < expected) return 'rolling';
  if (checks.version.state === 'unknown') return 'unknown';
  const isDone = checks.version.state === 'met' && checks.drained.state === 'met' && awaited.length === 0;
  if (!isDone) return 'draining';
  if (checks.dropped.state === 'met') return 'complete';
  return checks.dropped.state === 'failed' ? 'dropped' : 'unknown';
}
