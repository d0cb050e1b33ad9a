// Deploys that come to a good end.

/** @typedef {import('./stage.js').Stage} Stage */

/** More than a silence window: from then on a new worker counts. */
const SETTLED = 5;

/** @param {Stage} stage */
export async function clean(stage) {
  const blue = await stage.start('v1', 3);
  stage.phone(blue);
  const deploy = await stage.watch({ target: 'v2', expect: 3 });
  await deploy.see({ phase: 'waiting' });
  const green = await stage.start('v2', 3);
  await deploy.see({ phase: 'rolling', workers: { accepting: 3 } });
  await stage.pass(SETTLED);
  const calls = await stage.call(blue, 2);
  stage.phone(green);
  stage.signal('SIGTERM', blue);
  await deploy.see({ phase: 'draining' });
  await deploy.see({ phase: 'draining', sessionsLeft: 2 });
  await stage.hangUp(calls);
  await deploy.measure({ phase: 'complete' }, 'last exit to complete', await stage.gone(blue));
}

/** @param {Stage} stage */
export async function rolling(stage) {
  const blue = await stage.start('v1', 3);
  stage.phone(blue);
  const calls = await stage.call(blue.slice(2), 1);
  const deploy = await stage.watch({ target: 'v2', expect: 3 });
  await deploy.see({ phase: 'waiting' });
  /** @type {import('./stage.js').Server[]} */
  const green = [];
  for (const [index, old] of blue.entries()) {
    green.push(...(await stage.start('v2', 1)));
    await deploy.see({ phase: 'rolling', workers: { accepting: green.length } });
    stage.phone(green);
    stage.signal('SIGTERM', [old]);
    if (index < 2) await stage.gone([old]);
  }
  await deploy.see({ phase: 'draining', sessionsLeft: 1 });
  await stage.pass(SETTLED);
  await stage.hangUp(calls);
  await deploy.measure({ phase: 'complete' }, 'last exit to complete', await stage.gone(blue));
}

/** @param {Stage} stage */
export async function recreate(stage) {
  const blue = await stage.start('v1', 2);
  stage.phone(blue);
  const deploy = await stage.watch({ target: 'v2', expect: 2 });
  await deploy.see({ phase: 'waiting' });
  const calls = await stage.call(blue, 1);
  stage.phone([]);
  stage.signal('SIGTERM', blue);
  await deploy.see({ phase: 'waiting', sessionsLeft: 1 });
  await stage.hangUp(calls);
  await stage.gone(blue);
  await deploy.see({ phase: 'unknown' });
  stage.phone(await stage.start('v2', 2));
  await deploy.see({ phase: 'complete' });
}

/** @param {Stage} stage */
export async function restart(stage) {
  const blue = await stage.start('v1', 2);
  stage.phone(blue);
  const calls = await stage.call(blue, 1);
  const deploy = await stage.watch({ target: 'v1', expect: 2, more: ['--restart', '--since', 'now'] });
  await deploy.see({ phase: 'waiting' });
  const green = await stage.start('v1', 2);
  await deploy.see({ phase: 'rolling', workers: { accepting: 2 } });
  await stage.pass(SETTLED);
  stage.phone(green);
  stage.signal('SIGTERM', blue);
  await deploy.see({ phase: 'draining', sessionsLeft: 1 });
  await stage.hangUp(calls);
  await deploy.measure({ phase: 'complete' }, 'last exit to complete', await stage.gone(blue));
}

/** @param {Stage} stage */
export async function outage(stage) {
  const blue = await stage.start('v1', 2);
  stage.phone(blue);
  const calls = await stage.call(blue, 2);
  const deploy = await stage.watch({ target: 'v2', expect: 2 });
  await deploy.see({ phase: 'waiting' });
  const green = await stage.start('v2', 2);
  await deploy.see({ phase: 'rolling', workers: { accepting: 2 } });
  stage.phone(green);
  stage.signal('SIGTERM', blue);
  await deploy.see({ phase: 'draining', sessionsLeft: 2 });
  await stage.outage(3);
  await deploy.see({ phase: 'unknown' });
  await deploy.see({ phase: 'draining', sessionsLeft: 2 });
  deploy.hasNotSaid({ phase: 'complete' });
  await stage.hangUp(calls);
  await deploy.measure({ phase: 'complete' }, 'last exit to complete', await stage.gone(blue));
}

/** @param {Stage} stage */
export async function leftover(stage) {
  const blue = await stage.start('v1', 2);
  stage.phone(blue);
  const calls = await stage.call(blue, 1);
  const deploy = await stage.watch({ target: 'v2', expect: 2 });
  await deploy.see({ phase: 'waiting' });
  const green = await stage.start('v2', 2);
  await deploy.see({ phase: 'rolling', workers: { accepting: 2 } });
  stage.phone(green);
  stage.signal('SIGTERM', blue);
  await deploy.see({ phase: 'draining', sessionsLeft: 1 });
  const late = await stage.start('v1', 1);
  await deploy.see({ phase: 'rolling', leftovers: [{ version: 'v1', started: 0 }] });
  const lateCalls = await stage.call(late, 1);
  await deploy.see({ phase: 'rolling', sessionsLeft: 2, leftovers: [{ started: 1, active: 1 }] });
  stage.signal('SIGTERM', late);
  await deploy.see({ phase: 'draining', sessionsLeft: 2 });
  await stage.hangUp(lateCalls);
  await stage.gone(late);
  await deploy.see({ phase: 'draining', sessionsLeft: 1 });
  deploy.hasNotSaid({ phase: 'complete' });
  await stage.hangUp(calls);
  await deploy.measure({ phase: 'complete' }, 'last exit to complete', await stage.gone(blue));
}
