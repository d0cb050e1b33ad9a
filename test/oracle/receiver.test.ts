import { testOnReceiver } from './receiver-worlds.js';
import { seedsFor } from './seeds.js';

// The other thousand is in receiver-more.test.ts: a core computes each.
testOnReceiver(seedsFor(1, 1000));
