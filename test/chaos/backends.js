import { fileURLToPath } from 'node:url';
import { prometheus, RECEIVER } from '../../examples/scenarios/gate.js';

/** Slow enough for a machine that is shared. */
const INTERVAL_MS = 500;
/** Prometheus is asked once a second. */
const PROMETHEUS_INTERVAL_MS = 1_000;
const TOOLS = fileURLToPath(new URL('../e2e/support/prometheus.ts', import.meta.url));

/** @typedef {import('./play.js').Backend} Backend */

/** The gate is the receiver. @type {Backend} */
export const receiverBackend = { source: RECEIVER, intervalMs: INTERVAL_MS };

/** @param {string} url @returns {Backend} */
export const prometheusBackend = (url) => ({
  source: prometheus(url),
  url,
  intervalMs: PROMETHEUS_INTERVAL_MS,
});

/** Starts the Prometheus of the e2e tests, which is written in TypeScript. */
export async function startPrometheus() {
  const { createViteServer } = await import('vitest/node');
  const vite = await createViteServer({
    server: { middlewareMode: true, hmr: false, ws: false },
    logLevel: 'error',
  });
  try {
    const { Prometheus } = await vite.ssrLoadModule(TOOLS);
    return /** @type {import('../e2e/support/prometheus.js').Prometheus} */ (await Prometheus.start());
  } finally {
    await vite.close();
  }
}
