/** What is heard and seen on a busy machine is later than when it was so. */
const LATE_MS = 2_000;
const SESSION = 'openrtc.session';

/** @typedef {import('./worker.js').Worker} Worker */
/** @typedef {import('./calls.js').Call} Call */
/** @typedef {import('openrtc-otel/deploy').WorkerFacts} WorkerFacts */
/** @typedef {import('../support/decode-traces.js').SpanRecord} SpanRecord */
/** @typedef {import('../../examples/scenarios/gate.js').Gate} Gate */
/** @typedef {{ confirmed: number, presumed: number }} Dropped */

/**
 * What the callers saw of a deploy.
 * @typedef {object} Truth
 * @property {Dropped} dropped Presumed are those of which nobody is left to tell.
 * @property {number} exitCode What a gate must come to.
 * @property {readonly Call[]} calls Of the workers that had a part in it.
 * @property {(worker: Worker) => boolean} isOld Whether it has to leave.
 */

/** What a gate said, held against the truth. @param {Gate} gate @param {number | null} exitCode @param {Truth} truth @param {number} silenceMs */
export function gateProblems(
  { heard, verdict, source },
  exitCode,
  { dropped, calls, isOld, ...truth },
  silenceMs,
) {
  const who = `the gate (${source.name})`;
  const problems = [];
  if (exitCode !== truth.exitCode) {
    const phases = heard
      .map(({ verdict }) => verdict.phase)
      .filter((phase, index, all) => phase !== all[index - 1]);
    problems.push(`${who} ended with ${exitCode}, expected ${truth.exitCode}; it said ${phases.join(', ')}`);
  }
  const said = words(verdict?.dropped);
  if (said !== words(dropped))
    problems.push(`${who} said ${said} dropped at the end, expected ${words(dropped)}`);
  if (problems.length > 0) problems.push(`${who}: ${JSON.stringify(verdict)}`);
  for (const { at, verdict } of heard) {
    const { confirmed = 0 } = verdict.dropped ?? {};
    if (confirmed > dropped.confirmed) problems.push(`${who} once said ${confirmed} confirmed`);
    if (verdict.phase !== 'complete') continue;
    // A worker that died just now is not silent yet: that is why a gate waits a silence window more.
    const lost = calls.find(({ is, endedAt = at }) => is === 'dropped' && endedAt < at - silenceMs - LATE_MS);
    if (lost) problems.push(`${who} said complete, long after ${lost.id} was dropped`);
    const left = calls.find(
      ({ worker, answeredAt = at, endedAt = at + 1 }) =>
        isOld(worker) && answeredAt < at - LATE_MS && endedAt > at,
    );
    if (left) problems.push(`${who} said complete while ${left.id} was on ${left.worker.id}`);
  }
  return [...new Set(problems)];
}

/** @param {Partial<Dropped> | undefined} dropped */
const words = ({ confirmed, presumed } = {}) => `${confirmed}+${presumed}`;

/** A worker that was not killed has ended well. @param {Worker} worker */
export function exitProblems({ id, exit, isKilled }) {
  const isWell = exit === undefined || isKilled || exit.code === 0;
  return isWell ? [] : [`${id} exited with ${exit.code ?? exit.signal}`];
}

/**
 * What a backend holds of a worker, held against the truth.
 * @param {string} backend @param {WorkerFacts | undefined} row @param {Worker} worker @param {readonly Call[]} calls
 */
export function rowProblems(backend, row, worker, calls) {
  const dropped = count(calls, 'dropped');
  if (!row) return [`${backend}: nothing of ${worker.id}`];
  const isTold = !worker.isAlive && !worker.isLost;
  return unequal(`${backend}: ${worker.id}`, row, {
    exited: isTold,
    dropped: isTold ? dropped : 0,
    ...(worker.isLost && { active: dropped }),
  });
}

/**
 * What a worker that has said goodbye counted in its life: all of it where its last counters arrived, else no more than
 * what happened.
 * @param {WorkerFacts | undefined} row @param {Worker} worker @param {readonly Call[]} calls @param {boolean} isAll
 */
export function sumProblems(row, worker, calls, isAll) {
  if (!row?.exited) return [];
  const { started, ended } = row;
  const hungUp = count(calls, 'hung up');
  const dropped = count(calls, 'dropped');
  const expected = {
    started: hungUp + dropped,
    success: hungUp,
    dropped,
    failed: 0,
    cancelled: 0,
    unknown: 0,
  };
  const who = `sums: ${worker.id}`;
  /** @type {Record<string, number>} */
  const given = { started, ...ended };
  if (isAll) return unequal(who, given, expected);
  return Object.entries(expected)
    .filter(([key, most]) => (given[key] ?? 0) > most)
    .map(([key, most]) => `${who}: ${key} is more than ${most}`);
}

/**
 * The session spans of a worker, held against the truth: each lost session is told once, and none else is.
 * @param {readonly SpanRecord[]} spans @param {Worker} worker @param {readonly Call[]} calls
 * @param {boolean} isAllDelivered Whether the spans of what ended well must have arrived as well.
 */
export function spanProblems(spans, worker, calls, isAllDelivered) {
  const own = spans.filter(
    ({ name, attributes }) => name === SESSION && attributes['openrtc.worker.id'] === worker.id,
  );
  const known = new Set(calls.map(({ id }) => id));
  const problems = own
    .filter(({ attributes }) => !known.has(String(attributes['openrtc.tenant.id'])))
    .map(({ spanId }) => `spans: ${worker.id} has ${spanId} of no call`);
  for (const call of calls) {
    const told = own.filter(({ attributes }) => attributes['openrtc.tenant.id'] === call.id);
    problems.push(...callProblems(told, call, isAllDelivered));
  }
  return problems;
}

/** @param {readonly SpanRecord[]} told @param {Call} call @param {boolean} isAllDelivered */
function callProblems(told, { id, is, worker, endedAt = Number.POSITIVE_INFINITY }, isAllDelivered) {
  const who = `spans: ${id} on ${worker.id}, ${is},`;
  // One that may have arrived is sent again: the same span, with the same words.
  const distinct = new Set(told.map(({ traceId, spanId }) => `${traceId} ${spanId}`)).size;
  const outcomes = [...new Set(told.map(outcomeOf))].join(' and ');
  if (distinct > 1) return [`${who} is told by ${distinct} spans`];
  if (is === 'dropped' && !worker.isLost) {
    if (outcomes !== 'dropped, dropped, error') return [`${who} is told as ${outcomes || 'nothing'}`];
    const end = Math.max(...told.map(({ endTimeUnixMs }) => endTimeUnixMs));
    return end > endedAt ? [`${who} ends ${end - endedAt} ms after its death`] : [];
  }
  if (is === 'hung up') {
    const isFine = outcomes === 'success, undefined, unset' || (outcomes === '' && !isAllDelivered);
    return isFine ? [] : [`${who} is told as ${outcomes || 'nothing'}`];
  }
  return outcomes === '' ? [] : [`${who} is told as ${outcomes}`];
}

/** @param {SpanRecord} span */
const outcomeOf = ({ attributes, statusCode }) =>
  `${attributes['openrtc.session.outcome']}, ${attributes['error.type']}, ${statusCode}`;

/** @param {readonly Call[]} calls @param {Call['is']} state */
const count = (calls, state) => calls.filter(({ is }) => is === state).length;

/** @param {string} who @param {object} given @param {Record<string, unknown>} expected */
function unequal(who, given, expected) {
  const values = /** @type {Record<string, unknown>} */ (given);
  return Object.entries(expected)
    .filter(([key, value]) => (values[key] ?? 0) !== value)
    .map(([key, value]) => `${who}: ${key} is ${values[key]}, expected ${value}`);
}
