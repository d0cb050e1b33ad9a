// Deploys that do not come to the end they were meant for.

/** @typedef {import('./stage.js').Stage} Stage */

/** For a gate that must run out of time, in report intervals. */
const SHORT = 60;

/** @param {Stage} stage */
export async function rollback(stage) {
  const blue = await stage.start('v1', 2);
  const oldCalls = await stage.call(blue, 2);
  const deploy = await stage.watch({ target: 'v2', expect: 2 });
  await deploy.see({ phase: 'waiting' });
  const green = await stage.start('v2', 2);
  stage.phone(green);
  await deploy.see({ phase: 'rolling', workers: { accepting: 2 } });
  const newCalls = await stage.call(green, 1);
  stage.signal('SIGTERM', blue);
  await deploy.see({ phase: 'draining', sessionsLeft: 2 });

  stage.say('v2 is no good: back to v1');
  const back = await stage.watch({ target: 'v1', expect: 2, more: ['--since', 'now'] });
  stage.phone(await stage.start('v1', 2));
  await back.see({ phase: 'rolling', workers: { accepting: 2 } });
  stage.signal('SIGTERM', green);
  await deploy.see({ phase: 'superseded' });
  await back.see({ phase: 'draining', sessionsLeft: 3 });
  await stage.hangUp(newCalls);
  await stage.gone(green);
  // Two calls are left on the v1 that drains since the first deploy.
  await back.see({ phase: 'draining', sessionsLeft: 2 });
  await stage.pass(5);
  back.hasNotSaid({ phase: 'complete' });
  await stage.hangUp(oldCalls);
  await back.measure({ phase: 'complete' }, 'last exit to complete', await stage.gone(blue));
  await back.endsWith(0);
}

/** @param {Stage} stage */
export async function superseded(stage) {
  const blue = await stage.start('v1', 2);
  stage.phone(blue);
  const deploy = await stage.watch({ target: 'v2', expect: 2 });
  await deploy.see({ phase: 'waiting' });
  stage.phone(await stage.start('v2', 2));
  await deploy.see({ phase: 'rolling', workers: { accepting: 2 } });
  stage.signal('SIGTERM', blue);
  await deploy.see({ phase: 'draining' });
  stage.phone(await stage.start('v3', 2));
  await deploy.see({ phase: 'superseded' });
}

/** @param {Stage} stage */
export async function missing(stage) {
  const blue = await stage.start('v1', 3);
  stage.phone(blue);
  const deploy = await stage.watch({ target: 'v2', expect: 3, timeout: SHORT });
  await deploy.see({ phase: 'waiting' });
  stage.phone(await stage.start('v2', 2));
  await deploy.see({ phase: 'rolling', workers: { accepting: 2 } });
  stage.signal('SIGTERM', blue);
  await stage.gone(blue);
  await deploy.see({
    phase: 'rolling',
    workers: { running: 2, expected: 3 },
    checks: { version: { state: 'open' }, drained: { state: 'met' }, dropped: { state: 'met' } },
  });
  await deploy.exitCodes();
  deploy.hasNotSaid({ phase: 'complete' });
}

/** @param {Stage} stage */
export async function crashloop(stage) {
  const blue = await stage.start('v1', 2);
  stage.phone(blue);
  const deploy = await stage.watch({ target: 'v2', expect: 2, timeout: SHORT });
  await deploy.see({ phase: 'waiting' });
  stage.phone(await stage.start('v2', 1));
  const cutOver = async () => {
    await deploy.see({ phase: 'rolling', workers: { accepting: 2 } });
    stage.signal('SIGTERM', blue);
    await stage.gone(blue);
    await deploy.see({
      checks: { version: { state: 'open' }, drained: { state: 'met' }, dropped: { state: 'met' } },
    });
  };
  await Promise.all([crashUntilOver(stage, deploy), cutOver()]);
  deploy.hasNotSaid({ phase: 'complete' });
}

/** A worker of v2 crashes again and again, before it has reported for a silence window, until the gate has ended. */
async function crashUntilOver(
  /** @type {Stage} */ stage,
  /** @type {import('./deploy.js').Deploy} */ deploy,
) {
  const isOver = Promise.all(deploy.gates.map(({ ended }) => ended)).then(() => true);
  const nodeArgs = ['--import', new URL('./faults/crash.js', import.meta.url).href];
  while (!(await Promise.race([isOver, stage.pass(1)]))) {
    const crashing = await stage.start('v2', 1, { nodeArgs });
    await stage.pass(2);
    stage.signal('SIGUSR2', crashing);
    await stage.gone(crashing);
  }
}
