// Deploys in which calls are lost, or could be.

/** @typedef {import('./stage.js').Stage} Stage */

const SETTLED = 5;
/** For a gate to give a silent worker up, in report intervals: longer than the silence window. */
const PRESUME_AFTER = 10;

/** @param {Stage} stage */
export async function stuck(stage) {
  const blue = await stage.start('v1', 2, { drainTimeout: 4, env: { NEVER_CUT_OFF: '1' } });
  const calls = await stage.call(blue, 1);
  const deploy = await stage.watch({ target: 'v2', expect: 2 });
  await deploy.see({ phase: 'waiting' });
  const green = await stage.start('v2', 2);
  await deploy.see({ phase: 'rolling', workers: { accepting: 2 } });
  stage.phone(green);
  stage.signal('SIGTERM', blue);
  await deploy.see({ phase: 'draining', sessionsLeft: 1 });
  await deploy.see({ phase: 'stuck', sessionsLeft: 1 });
  await deploy.exitCodes();
  await stage.hangUp(calls);
}

/** @param {Stage} stage */
export async function kill(stage) {
  const blue = await stage.start('v1', 2);
  const calls = await stage.call(blue, 3);
  const deploy = await stage.watch({ target: 'v2', expect: 2, presumeAfter: PRESUME_AFTER });
  await deploy.see({ phase: 'waiting' });
  stage.phone(await stage.start('v2', 2));
  await deploy.see({ phase: 'rolling', workers: { accepting: 2 } });
  await stage.pass(SETTLED);
  stage.signal('SIGTERM', blue);
  await deploy.see({ phase: 'draining', sessionsLeft: calls.length });
  const killed = blue.slice(0, 1);
  stage.signal('SIGKILL', killed);
  const dropped = { confirmed: 0, presumed: calls.length };
  await deploy.measure({ phase: 'draining', dropped }, 'SIGKILL to presumed', await stage.gone(killed));
  await deploy.see({ phase: 'dropped', dropped });
}

/** @param {Stage} stage */
export async function oom(stage) {
  const leaky = ['--max-old-space-size=48', '--import', new URL('./faults/leak.js', import.meta.url).href];
  const blue = await stage.start('v1', 2, { nodeArgs: leaky });
  const calls = await stage.call(blue, 2);
  const deploy = await stage.watch({ target: 'v2', expect: 2, presumeAfter: PRESUME_AFTER });
  await deploy.see({ phase: 'waiting' });
  stage.phone(await stage.start('v2', 2));
  await deploy.see({ phase: 'rolling', workers: { accepting: 2 }, sessionsLeft: calls.length });
  const leaking = blue.slice(0, 1);
  stage.signal('SIGUSR2', leaking);
  await stage.gone(leaking);
  const dropped = { confirmed: 0, presumed: calls.length };
  await deploy.see({ phase: 'rolling', dropped });
  stage.signal('SIGTERM', blue.slice(1));
  await stage.gone(blue);
  await deploy.see({ phase: 'dropped', dropped });
}

/** @param {Stage} stage */
export async function forced(stage) {
  const blue = await stage.start('v1', 2, { drainTimeout: 4 });
  await stage.call(blue, 2);
  const deploy = await stage.watch({ target: 'v2', expect: 2 });
  await deploy.see({ phase: 'waiting' });
  stage.phone(await stage.start('v2', 2));
  await deploy.see({ phase: 'rolling', workers: { accepting: 2 } });
  await stage.pass(SETTLED);
  stage.signal('SIGTERM', blue);
  await deploy.see({ phase: 'draining', sessionsLeft: 2 });
  const dropped = { confirmed: 2, presumed: 0 };
  await deploy.measure({ phase: 'dropped', dropped }, 'last exit to dropped', await stage.gone(blue));
}
