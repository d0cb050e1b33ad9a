import { POOL_NAME, WORKER_VERSION } from '../../attributes.js';
import {
  CLOCK_SLACK_MS,
  choosePool,
  type DeployFacts,
  type Elsewhere,
  type FactsQuery,
  leadOf,
  silenceWindow,
  type WorkerFacts,
} from '../facts.js';
import { firstReportQuery, firstSighting } from './first-report.js';
import type { PrometheusApi, Sample } from './http.js';
import {
  clockDifference,
  clockHint,
  LONGEST_WINDOW_MS,
  OVERVIEW_MS,
  type Overview,
  readOverview,
} from './overview.js';
import { labelName, matcher, TAG } from './promql.js';
import {
  AHEAD_MS,
  aheadQuery,
  elsewhereQuery,
  goneQueries,
  type QueryWindow,
  rareQueries,
  silentQuery,
  wholeOf,
  workerQueries,
} from './queries.js';
import { elsewhereFrom, WorkerSamples } from './workers.js';

/** How long a sample is visible. */
const LOOKBACK_MS = 300_000;

interface Asked extends FactsQuery {
  /** More matchers. */
  readonly matchers: readonly string[];
  /** How far before now to read. */
  readonly delayMs: number;
}

/** @throws {@link SourceError} */
export async function readFacts(api: PrometheusApi, query: Asked): Promise<DeployFacts> {
  const { at, delayMs } = query;
  const start = query.since ?? query.firstSighting;
  const overview = await readOverview(api, query.matchers, { at, since: start });
  const { now: serverNow, pools } = overview;
  const { pool, ...known } = poolOf(api, overview, query.pool);
  const now = serverNow - delayMs;
  const matchers = [matcher(POOL_NAME, pool), ...query.matchers];
  const ask = async (queries: readonly string[], moment = now) => {
    const results = await Promise.all(queries.map((one) => api.query(one, moment)));
    return results.flatMap(({ samples }) => samples);
  };

  const lateQuery = aheadQuery(matchers, serverNow + CLOCK_SLACK_MS);
  // What came after a past moment says nothing of a clock.
  const ahead = at === undefined ? await ask([lateQuery], serverNow + AHEAD_MS) : [];
  const sighted = query.target === undefined ? undefined : known.cameUp.get(query.target);
  const seen = async (told: number, target: string) => {
    const ofTarget = [...matchers, matcher(WORKER_VERSION, target)];
    const first = await ask([firstReportQuery(ofTarget, OVERVIEW_MS)]);
    return firstSighting(told, first) - furthestAhead(ahead, serverNow, target);
  };
  const since = start ?? (sighted === undefined ? undefined : await seen(sighted, query.target ?? ''));
  const poolCameUp = Math.min(now, ...known.cameUp.values());
  const begin = Math.max(since ?? poolCameUp, now - LONGEST_WINDOW_MS);
  const age = since === undefined ? 0 : Math.max(0, now - begin);
  const lead = leadOf(known, query.presumeAfterSeconds);
  const window: QueryWindow = {
    matchers,
    silence: silenceWindow(known),
    age,
    // Before a start that was given too: a worker of the target that crashes may have just vanished.
    reach: Math.max(lead, query.since === undefined ? age + lead : age),
    // A pool that came up later had nobody to report at the start of the deploy.
    coverageAge: now - Math.max(begin, poolCameUp),
  };
  const isAlone = pools.size === 1 && query.matchers.length === 0;
  const longestSilence = Math.max(...[...pools.values()].map(silenceWindow));
  const [samples, others] = await Promise.all([
    ask(workerQueries(window)),
    isAlone ? [] : ask([elsewhereQuery(pool, query.matchers, longestSilence)]),
  ]);
  const found = new WorkerSamples([...samples, ...ahead], { ...known, now, since, serverNow });
  const { goneSince = now } = found;
  const ofGone = { ...window, reach: Math.min(window.reach, now - goneSince + LOOKBACK_MS) };
  if (found.goneSince !== undefined) {
    found.add(await ask(goneQueries(ofGone)));
  }
  const isUnclear = found.isAnyUnclear;
  if (isUnclear) found.add(await ask(rareQueries(window)));
  if (found.isAnySilent) found.add(await ask([silentQuery(ofGone, isUnclear)]));
  const workers = found.workers();
  const has = (tag: string) => samples.some(({ labels }) => labels[TAG] === tag);
  checkClock(api, overview, { workers, silence: window.silence, ahead: furthestAhead(ahead, serverNow) });
  return {
    now,
    since,
    isSinceGiven: query.since !== undefined,
    coveredSince: has('covered') ? begin : now,
    isSeenAtStart: begin === since && has('seenAtStart'),
    readSince: now - wholeOf(window),
    ...(delayMs > 0 && { delaySeconds: delayMs / 1000 }),
    workers,
    elsewhere: elsewhereFrom(others) satisfies Elsewhere[],
  };
}

function poolOf(api: PrometheusApi, { pools, aheadMs }: Overview, named: string | undefined) {
  const pool = choosePool(pools.keys(), named) ?? '';
  const known = pools.get(pool);
  if (known) return { pool, ...known };
  const others = [...pools.keys()].sort().join(', ');
  throw api.sourceError(`no worker of the pool ${pool} reported, only of ${others}${clockHint(aheadMs)}`);
}

/** How far the newest report of a worker (of a version) is ahead of a moment, in ms. */
function furthestAhead(ahead: readonly Sample[], now: number, version?: string): number {
  const label = labelName(WORKER_VERSION);
  const of = ahead.filter(({ labels }) => version === undefined || labels[label] === version);
  return of.reduce((furthest, { value }) => Math.max(furthest, value * 1000 - now), 0);
}

/** Where the clock of the server is off, all workers seem silent, or ahead. */
function checkClock(
  api: PrometheusApi,
  { now, aheadMs }: Overview,
  { workers, silence, ahead }: { workers: readonly WorkerFacts[]; silence: number; ahead: number },
): void {
  if (Math.abs(aheadMs) <= silence) return;
  const isAnyRunning = workers.some(({ lastReportAt }) => now - lastReportAt <= silence);
  if (isAnyRunning && (aheadMs > 0 || ahead <= silence)) return;
  throw api.sourceError(`${clockDifference(aheadMs)}: what workers report now seems to be of another time`);
}
