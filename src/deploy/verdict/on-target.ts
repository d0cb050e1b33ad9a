import { METRICS } from '../../attributes.js';
import { count, duration } from '../../lib/format.js';
import { type Assessment, sum } from './assessment.js';
import type { Check } from './verdict.js';
import { blindness, gaps, named, sentences, verb } from './words.js';

/** Check 1: every running worker reports the target, as many as expected accept on it, and none of it is lost. */
export function checkOnTarget(assessment: Assessment): Check {
  const blind = blindness(assessment);
  if (blind) return { state: 'unknown', sentence: `${blind}.` };
  const { target, running, others, accepting, settled, expected, gone, leftovers, unaccounted } = assessment;
  const successor = successorOf(assessment);
  const young = accepting.length - settled.length;
  // One more that is young may be the next try of what went silent: a crash loop is never complete between its tries.
  const hasSettled = settled.length >= expected && (young === 0 || !assessment.hasLostOwn);
  const isMet = others.length === 0 && hasSettled && gone.length === 0;
  const onTarget = running.length - others.length;
  const reason = assessment.isExpectedGiven
    ? 'as given'
    : 'from those that accepted at the start, at least 1';
  const takers = others.filter(({ draining }) => !draining);
  const unknown = gaps(assessment, METRICS.running, METRICS.draining, METRICS.startTime);
  const isUnaccounted = assessment.strict && unaccounted.length > 0;
  const startedOnLeftovers = sum(leftovers, ({ started }) => started);
  return {
    state: successor !== undefined ? 'failed' : unknown || isUnaccounted ? 'unknown' : isMet ? 'met' : 'open',
    sentence: sentences(
      `${onTarget} of ${count(running.length, 'running worker')} ${verb(running.length === 1 ? 1 : onTarget, 'reports', 'report')} ${target}, ${accepting.length} of them ${verb(accepting.length, 'accepts', 'accept')}; expected ${expected} (${reason})`,
      unknown ?? false,
      successor !== undefined && `${successor} took over`,
      takers.length > 0 && `${named(takers)} ${verb(takers.length, 'accepts', 'accept')} too`,
      young > 0 &&
        `${young} of them ${verb(young, 'has', 'have')} reported for less than ${duration(assessment.silence / 1000)}`,
      gone.length > 0 && `${named(gone)} went silent`,
      unaccounted.length > 0 && `${named(unaccounted)} vanished without a goodbye and may still run`,
      leftovers.length > 0 &&
        `${named(leftovers)} came up after ${target} had everywhere and started ${count(startedOnLeftovers, 'session')}`,
    ),
  };
}

/** A version first seen after the target that accepts, or any that accepts when all of the target left. */
function successorOf(assessment: Assessment): string | undefined {
  const { target, since = 0, sightings, others, own, accepting, gone } = assessment;
  const takers = others.filter(({ draining, isContradictory }) => !draining && !isContradictory);
  const begun = Math.max(sightings.get(target) ?? Number.POSITIVE_INFINITY, since);
  const newer = takers.find(({ version }) => version !== target && (sightings.get(version) ?? 0) > begun);
  if (newer) return newer.version;
  // A drain is on purpose; a worker that merely ended, or went silent, may be crashing. One that drained before the
  // window left in an earlier deploy, as in a rollback whose first worker is not up yet.
  const drains = own.some(({ draining, drainingSince }) => draining && (drainingSince ?? begun) >= since);
  const hasLeft = accepting.length === 0 && gone.length === 0 && drains;
  return hasLeft ? takers[0]?.version : undefined;
}
