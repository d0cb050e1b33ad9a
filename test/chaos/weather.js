/** How late answers come in a slow spell: goodbyes wait for 2.5 s. */
const SLOW_MS = [300, 1_000, 3_000];

/** @typedef {import('./plan.js').Spell} Spell */

/**
 * A spell of bad weather, from its beginning to its end.
 * @param {Spell} spell
 * @param {{ tee: import('./faulty-tee.js').FaultyTee, disk: import('./disk.js').Disk, pass: (intervals: number) => Promise<void> }} scene
 */
export async function blowOver({ at, weather, lasts }, { tee, disk, pass }) {
  await pass(at);
  if (weather === 'outage') {
    await tee.shut();
    await pass(lasts);
    await tee.open();
  } else if (weather === 'slow') {
    tee.delayMs = SLOW_MS[lasts % SLOW_MS.length] ?? 0;
    await pass(lasts);
    tee.delayMs = 0;
  } else if (weather === 'mute') {
    tee.isMute = true;
    await pass(lasts);
    tee.isMute = false;
  } else if (disk.isMounted) {
    disk.fill();
    await pass(lasts);
    disk.free();
  }
}
