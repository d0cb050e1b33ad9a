import { setTimeout as sleep } from 'node:timers/promises';
import { Tee } from '../../examples/scenarios/tee.js';

/** A way to the collector that can be slow, or lose the answers. */
export class FaultyTee extends Tee {
  delayMs = 0;
  isMute = false;

  /** @override @param {import('node:http').ServerResponse} response @param {number} status @param {string} type */
  async answer(response, status, type) {
    const { isMute } = this;
    await sleep(this.delayMs);
    if (isMute) response.destroy();
    else await super.answer(response, status, type);
  }
}
