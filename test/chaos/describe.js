/** @typedef {import('./plan.js').Plan} Plan */
/** @typedef {import('./plan.js').WorkerPlan} WorkerPlan */
/** @typedef {import('./plan.js').Event} Event */

/** A plan in words, a line a thing; times in report intervals. @param {Plan} plan */
export function describePlan({ seed, size, callers, climate, generations, steps }) {
  return [
    `seed ${seed}: ${size} workers a generation, ${callers} callers, ${climate}`,
    `  generation 0, v1: ${generations[0]?.map(worker).join(' ')}`,
    ...steps.flatMap((step, index) => [
      `  deploy ${index + 1}: ${step.kind}, to ${step.target}, ${step.batch} at a time` +
        `${step.isAbandoned ? ', then rolled back' : ''}${step.isLastKilled ? ', the last old worker is killed' : ''}`,
      `    generation ${index + 1}: ${generations[index + 1]?.map(worker).join(' ')}`,
      ...step.spells.map(({ at, weather, lasts }) => `    at ${at}: ${weather} for ${lasts}`),
      ...step.events.map((one) => `    at ${one.at}: ${event(one)}`),
    ]),
  ].join('\n');
}

/** @param {WorkerPlan} plan */
function worker({ journal, hasSidecar, longCalls, fault, drainTimeout }) {
  const more = [hasSidecar && 'sidecar', fault, drainTimeout && `cut off after ${drainTimeout}`].filter(
    Boolean,
  );
  return `${[journal, ...more].join('+')}:${longCalls}`;
}

/** @param {Event} event */
function event({ blow, side, slot, calls, lasts, recovery: { by, after, killedAfterMs } }) {
  const stopped = blow.startsWith('stop') ? ` for ${lasts}` : '';
  const killed = killedAfterMs.map((ms) => `, a recoverer killed after ${ms} ms`).join('');
  const placed = side === 'new' ? ` with ${calls} calls more` : '';
  return `${blow}${stopped}, ${side} worker ${slot}${placed}; if alone: by ${by} after ${after}${killed}`;
}
