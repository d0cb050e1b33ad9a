import { it } from 'vitest';
import { testOnReceiver } from './receiver-worlds.js';
import { seedsFor } from './seeds.js';

if (process.env.ORACLE_SEEDS === undefined) testOnReceiver(seedsFor(1001, 2000));
else it.skip('worlds that were asked for are in receiver.test.ts');
