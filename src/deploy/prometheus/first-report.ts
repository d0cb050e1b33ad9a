import { METRICS, POOL_NAME } from '../../attributes.js';
import { CLOCK_SLACK_MS } from '../facts.js';
import type { Sample } from './http.js';
import { aggregated, labelName, milliseconds, series, union } from './promql.js';

/** A sample is visible for five minutes. */
const STEP_MS = 240_000;

/** When the first report of workers was made, in Unix s, as a look at each step finds it. */
export function firstReportQuery(matchers: readonly string[], windowMs: number): string {
  const times = `timestamp(${series(METRICS.running, matchers)})[${milliseconds(windowMs)}:${milliseconds(STEP_MS)}]`;
  return union({ firstReportAt: aggregated('min', [labelName(POOL_NAME)], `min_over_time(${times})`) });
}

/**
 * When a version was first seen, in Unix ms: at the start that its workers tell, or earlier where a report was made
 * before that, as by one whose clock was wrong at its start.
 */
export function firstSighting(toldStart: number, firstReports: readonly Sample[]): number {
  const seen = firstReports.map(({ value }) => value * 1000).filter((at) => at < toldStart - CLOCK_SLACK_MS);
  return Math.min(toldStart, ...seen.map((at) => at - STEP_MS));
}
