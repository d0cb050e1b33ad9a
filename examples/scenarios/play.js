import { Stage } from './stage.js';

/** @typedef {import('./index.js').Scenario} Scenario */
/** @typedef {import('./stage.js').StageOptions} StageOptions */
/** @typedef {import('./gate.js').Verdict} Verdict */

/** What one gate came to. @typedef {{ source: string, exitCode: number | null, verdict: Verdict | undefined }} End */

/**
 * What callers saw and what the telemetry says, and where they differ.
 * @typedef {object} Result
 * @property {import('./deploy.js').Seen[]} seen
 * @property {import('./deploy.js').Measure[]} measures
 * @property {End[]} ends Of the scenario's own deploy, the first one.
 * @property {import('./callers.js').Tally} callers
 * @property {{ calls: number, hungUp: number, dropped: number, workers: number, goodbyes: number, counted: number }} telemetry
 *   What the workers counted, and the dropped sessions of the verdict. Of how many workers the last counters arrived.
 * @property {string[]} problems Empty when callers and telemetry agree and the gates ended as stated.
 */

/**
 * Plays a scenario to its end.
 * @param {Scenario} scenario @param {StageOptions} options @returns {Promise<Result>}
 * @throws Error when a gate does not come to what the scenario states.
 */
export async function play(scenario, options) {
  const stage = await Stage.open(options);
  try {
    await scenario.play(stage);
    const [deploy] = stage.deploys;
    if (!deploy) throw new Error(`the scenario ${scenario.name} has no deploy`);
    const exitCodes = await deploy.exitCodes();
    const ends = deploy.gates.map(({ source, verdict }, index) => ({
      source: source.name,
      exitCode: exitCodes[index] ?? null,
      verdict,
    }));
    await stage.clear();
    return {
      seen: stage.deploys.flatMap(({ seen }) => seen),
      measures: stage.deploys.flatMap(({ measures }) => measures),
      ends,
      callers: stage.callers.tally,
      ...compare(scenario, stage, ends),
    };
  } catch (error) {
    const words = [error instanceof Error ? error.message : error, ...stage.complaints];
    throw new Error(words.join('\n'), { cause: error });
  } finally {
    await stage.close();
  }
}

/** @param {Scenario} scenario @param {Stage} stage @param {readonly End[]} ends */
function compare(scenario, { callers: { tally }, ledger, deploys }, ends) {
  const workers = ledger.workers();
  /** @param {(worker: import('openrtc-otel/deploy').WorkerFacts) => number | undefined} read */
  const sum = (read) => workers.reduce((total, worker) => total + (read(worker) ?? 0), 0);
  const telemetry = {
    calls: sum(({ started }) => started),
    hungUp: sum(({ ended }) => ended.success),
    dropped: droppedOf(ends[0]?.verdict),
    workers: workers.length,
    goodbyes: sum(({ exited }) => Number(exited)),
    counted: sum(({ id }) => Number(ledger.hasCounters(id))),
  };
  /** @type {string[]} */
  const problems = [];
  /** @param {string} what @param {unknown} given @param {unknown} expected */
  const expect = (what, given, expected) => {
    if (given !== expected) problems.push(`${what}: expected ${expected}, got ${given}`);
  };
  for (const { source, exitCode, verdict } of ends) {
    expect(`exit code of the gate (${source})`, exitCode, scenario.exitCode);
    expect(`calls that were dropped, by the gate (${source})`, droppedOf(verdict), tally.dropped);
  }
  for (const { heard, source } of deploys.flatMap(({ gates }) => gates)) {
    const most = Math.max(...heard.map(({ verdict }) => droppedOf(verdict)));
    if (most > tally.dropped) problems.push(`the gate (${source.name}) has once said ${most} dropped calls`);
  }
  // Counters are for graphs: of a worker that was killed, or whose last ordinary report was lost, they lack the end.
  if (telemetry.counted === telemetry.workers) {
    expect('calls, by the workers', telemetry.calls, tally.calls);
    expect('calls that were hung up, by the workers', telemetry.hungUp, tally.hungUp);
  }
  return { telemetry, problems };
}

/** @param {Verdict | undefined} verdict */
const droppedOf = (verdict) => (verdict?.dropped?.confirmed ?? 0) + (verdict?.dropped?.presumed ?? 0);
