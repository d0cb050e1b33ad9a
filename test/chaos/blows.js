import { until } from '../support/until.js';

/** @typedef {import('./worker.js').Worker} Worker */
/** @typedef {import('./plan.js').Event} Event */

/**
 * What blows need of a play.
 * @typedef {object} Scene
 * @property {import('./fleet.js').Fleet} fleet
 * @property {import('./calls.js').Calls} calls
 * @property {boolean} isDiskFilled Whether the disk of the journals is full for a while.
 * @property {(intervals: number) => Promise<void>} pass
 * @property {(worker: Worker) => Promise<Worker>} replace Starts another one in its place, over its folder.
 */

/**
 * Plays one event to its end: the worker runs again, or all is known of its death.
 * @param {Scene} scene @param {Worker} worker @param {Event} event
 */
export async function strike(scene, worker, event) {
  const { fleet, calls } = scene;
  if (event.side === 'new') {
    await Promise.all(Array.from({ length: event.calls }, () => calls.place(worker)));
  }
  await fleet.hold(worker);
  if (event.blow === 'stop') {
    worker.signal('SIGSTOP');
    await scene.pass(event.lasts);
    worker.signal('SIGCONT');
    worker.isHeld = false;
    return;
  }
  // Without a journal, what it last reported is all that is known.
  if (worker.folder === undefined || scene.isDiskFilled) await fleet.isReported(worker);
  await end(scene, worker, event);
  await fleet.exited(worker);
  await until(`the callers to notice the end of ${worker.id}`, () => calls.talking(worker).length === 0);
  worker.isLost = worker.isKilled && (!worker.folder || (worker.couldNotWrite && !worker.hasJournal));
  await recover(scene, worker, event);
}

/** @param {Scene} scene @param {Worker} worker @param {Event} event */
async function end({ pass }, worker, { blow, lasts }) {
  worker.isKilled = blow !== 'cut off';
  if (blow === 'cut off') return worker.terminate();
  if (blow === 'fault') return worker.signal('SIGUSR2');
  if (blow === 'stop and kill') {
    worker.signal('SIGSTOP');
    await pass(lasts);
  }
  worker.signal('SIGKILL');
}

/** @param {Scene} scene @param {Worker} worker @param {Event} event */
async function recover({ fleet, pass, replace }, worker, { side, recovery }) {
  const { folder, plan, isKilled, isLost } = worker;
  const isAlone = folder !== undefined && plan.journal === 'own' && !plan.hasSidecar && isKilled && !isLost;
  if (isAlone) {
    await pass(recovery.after);
    for (const afterMs of recovery.killedAfterMs) await fleet.recoverAndKill(folder, afterMs);
    if (recovery.by === 'command') await fleet.accountFor(worker);
  }
  if (side === 'new' || (isAlone && recovery.by === 'restart')) await replace(worker);
  if (isAlone && recovery.by === 'restart') await fleet.isTold(worker);
  await fleet.accountFor(worker);
}
