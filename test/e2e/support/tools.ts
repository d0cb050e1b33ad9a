import { collectorProgram } from './collector.js';
import { grafanaDataDir } from './grafana-data.js';
import { installAgents } from './livekit.js';
import { livekitServer } from './livekit-server.js';
import { openRtcDir } from './openrtc-python.js';
import { isInstalled } from './programs.js';
import { prometheusDir } from './prometheus.js';

/**
 * Installs what several tests need, one after the other, before any of them starts: a compiler beside them takes the
 * time that they measure. What cannot be installed fails the tests that need it.
 */
export default async function installTools(): Promise<void> {
  const hasGo = isInstalled('go');
  const tools = [
    ...(hasGo ? [prometheusDir, grafanaDataDir, livekitServer, collectorProgram, installAgents] : []),
    ...(hasGo && isInstalled('python3') ? [openRtcDir] : []),
  ];
  for (const install of tools) await install().catch(() => {});
}
