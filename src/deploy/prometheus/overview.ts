import { LONGEST_INTERVAL_SECONDS, METRICS, POOL_NAME, WORKER_VERSION } from '../../attributes.js';
import { duration } from '../../lib/format.js';
import { DEFAULT_INTERVAL_SECONDS } from '../facts.js';
import type { PrometheusApi, Sample } from './http.js';
import { labelName, quoted, TAG } from './promql.js';
import { overviewQuery } from './queries.js';

/** How far back the pools, and the first sighting of a version that runs no more, are searched for. */
export const OVERVIEW_MS = 4 * 3_600_000;
/** What is older is not read: a window without an end would be too much for any server. */
export const LONGEST_WINDOW_MS = 24 * 3_600_000;
/** A clock that is known to the second may seem wrong by so much. */
const CLOCK_ROUNDING_MS = 5_000;

/** What is known of a pool before its workers are read. */
interface PoolOverview {
  /** The longest report interval of its workers, in s. */
  readonly intervalSeconds: number;
  /** When each version first came up, in Unix ms. */
  readonly cameUp: ReadonlyMap<string, number>;
}

/** What reported at a moment, and in the hours before it. */
export interface Overview {
  /** In Unix ms, by the clock of the server. */
  readonly now: number;
  /** How far that clock is ahead of this machine's, in ms; 0 for a moment that was given. */
  readonly aheadMs: number;
  readonly pools: ReadonlyMap<string, PoolOverview>;
}

/** What to look at: a moment, now when not given, and a start that the hours before it must include. */
interface Asked {
  readonly at: number | undefined;
  readonly since?: number | undefined;
}

/** @throws {@link SourceError} when no worker has reported. */
export async function readOverview(
  api: PrometheusApi,
  matchers: readonly string[],
  { at, since }: Asked,
): Promise<Overview> {
  const askedAt = Date.now();
  const age = since === undefined ? 0 : (at ?? askedAt) - since;
  const windowMs = Math.min(Math.max(OVERVIEW_MS, age), LONGEST_WINDOW_MS);
  const { at: clock, samples } = await api.query(overviewQuery(matchers, windowMs), at);
  const now = at ?? clock ?? askedAt;
  const aheadMs = at === undefined ? Math.max(0, now - Date.now()) + Math.min(0, now - askedAt) : 0;
  if (samples.length === 0) {
    if (await keepsDots(api, at)) throw api.sourceError(WITH_DOTS);
    const among = matchers.length > 0 ? ` with ${matchers.join(',')}` : '';
    throw api.sourceError(
      `it has no report of a worker${among} from the last ${duration(windowMs / 1000)}${clockHint(aheadMs)}`,
    );
  }
  return { now, aheadMs, pools: poolsFrom(samples) };
}

const WITH_DOTS = `it has reports of workers under names with dots, such as ${METRICS.running.name}: set its otlp.translation_strategy to UnderscoreEscapingWithSuffixes (VictoriaMetrics: -opentelemetry.usePrometheusNaming)`;

/** Whether names are stored as OpenTelemetry has them, where no expression of this package finds them. */
async function keepsDots(api: PrometheusApi, at: number | undefined): Promise<boolean> {
  try {
    const { samples } = await api.query(`count({__name__=${quoted(METRICS.running.name)}})`, at);
    return samples.length > 0;
  } catch {
    return false; // nothing more is known than without this question
  }
}

function poolsFrom(samples: readonly Sample[]): Map<string, PoolOverview> {
  const pools = new Map<string, { intervalSeconds: number; cameUp: Map<string, number> }>();
  for (const { labels, value } of samples) {
    const name = labels[labelName(POOL_NAME)];
    if (!name) continue;
    const pool = pools.get(name) ?? { intervalSeconds: DEFAULT_INTERVAL_SECONDS, cameUp: new Map() };
    pools.set(name, pool);
    const version = labels[labelName(WORKER_VERSION)];
    if (labels[TAG] === 'cameUp' && version && METRICS.startTime.isPlausible(value)) {
      pool.cameUp.set(version, value * 1000);
    }
    if (labels[TAG] === 'longestInterval' && METRICS.interval.isPlausible(value)) {
      pool.intervalSeconds = Math.min(value, LONGEST_INTERVAL_SECONDS);
    }
  }
  return pools;
}

/** Why nothing may be found. */
export const clockHint = (aheadMs: number): string =>
  Math.abs(aheadMs) > CLOCK_ROUNDING_MS ? `, and ${clockDifference(aheadMs)}` : '';

export const clockDifference = (aheadMs: number): string =>
  `its clock is ${duration(Math.abs(aheadMs) / 1000)} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`;
