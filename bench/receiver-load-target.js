// The receiver of this package in a process of its own. Tells its parent, when asked, what it has used so far.
import { startReceiver } from 'openrtc-otel/deploy';

const receiver = await startReceiver();
process.send?.({ url: receiver.url });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  process.send?.({ cpuMs: (user + system) / 1000, rss, heapUsed, workers: receiver.workers().length });
});
process.once('disconnect', () => process.exit());
