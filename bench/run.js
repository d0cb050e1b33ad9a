// What the telemetry costs, as ratios of one run. A goal that is missed is said, and fails nothing.
import { bridge } from './bridge.js';
import { exportDelay } from './export-delay.js';
import { gauges } from './gauges.js';
import { imports } from './import.js';
import { journal } from './journal.js';
import { memory } from './memory.js';
import { polling } from './polling.js';
import { receiverLoad } from './receiver-load.js';
import { reportSize } from './report-size.js';
import { session } from './session.js';
import { starts } from './start.js';
import { deployVerdict } from './verdict.js';

const isLong = process.argv.includes('--long');
const topics = [
  imports,
  starts,
  gauges,
  session,
  journal,
  reportSize,
  exportDelay,
  deployVerdict,
  receiverLoad,
  polling,
  bridge,
  ...(isLong ? [memory] : []),
];

console.log(`Node ${process.version}, ${process.platform} ${process.arch}`);
for (const { title, run } of topics) {
  console.log(`\n${title}`);
  for (const { label, value, goal, met } of await run()) {
    const verdict = goal === undefined ? '' : `  goal: ${goal} or less, ${met ? 'met' : 'NOT MET'}`;
    console.log(`  ${label.padEnd(52)} ${value.padStart(18)}${verdict}`);
  }
}
if (!isLong) console.log('\nMemory over a million sessions: npm run bench -- --long');
