import { METRICS } from '../../attributes.js';
import { count, duration, time } from '../../lib/format.js';
import { type Assessment, sum } from './assessment.js';
import type { Check } from './verdict.js';
import { blindness, gaps, named, sentences } from './words.js';

/** Check 3: no session dropped since the start, none presumed, and the source saw it all. */
export function checkNoneDropped(assessment: Assessment): Check {
  const { target, since, confirmed, presumed, unknownEnds, awaited, undated, undatedSilent, strict } =
    assessment;
  if (since === undefined) {
    return { state: 'unknown', sentence: `Unknown: nothing is counted before ${target} is seen.` };
  }
  const isUncovered = assessment.coveredSince > since;
  const unknown = blindness(assessment) ?? gaps(assessment, METRICS.dropped, METRICS.active);
  const isSeenWhole = !unknown && !isUncovered && undated.length + undatedSilent.length === 0;
  const isToldWhole = isSeenWhole && unknownEnds === 0;
  const lost = new Set([...assessment.silent.filter(({ active }) => active > 0), ...awaited]);
  const longest = Math.max(0, ...[...lost].map(({ lastReportAt }) => (assessment.now - lastReportAt) / 1000));
  const isAwaited = awaited.length > 0;
  const undatedSessions = sum(undated, ({ droppedBefore }) => droppedBefore);
  const undatedSilentSessions = sum(undatedSilent, ({ active }) => active);
  return {
    state: state(),
    sentence: sentences(
      confirmed + presumed > 0
        ? `${count(confirmed + presumed, 'session')} dropped since ${time(since)}: ${confirmed} confirmed, ${presumed} presumed`
        : `No dropped session ${isToldWhole ? '' : 'was reported '}since ${time(since)}`,
      lost.size > 0 &&
        `${named([...lost])} silent for ${duration(longest)}${isAwaited ? `, waited for until ${duration(assessment.presumeAfterSeconds)}` : ''}`,
      unknownEnds > 0 && `${count(unknownEnds, 'session')} ended in a way that nobody could tell`,
      unknown ?? false,
      undated.length > 0 &&
        `Unknown when ${named(undated)} lost ${count(undatedSessions, 'session')}: they were lost before the first report`,
      undatedSilent.length > 0 &&
        `Unknown when ${named(undatedSilent)} vanished with ${count(undatedSilentSessions, 'session')}: nobody reported at the start`,
      isUncovered && `Unknown before ${time(assessment.coveredSince)}: the source has not seen it`,
    ),
  };

  function state(): Check['state'] {
    if (confirmed > 0) return 'failed';
    if (!isSeenWhole || (strict && !isToldWhole)) return 'unknown';
    if (isAwaited) return 'open';
    return presumed === 0 ? 'met' : 'failed';
  }
}
