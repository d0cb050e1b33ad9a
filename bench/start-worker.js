import { instrument } from 'openrtc-otel';

instrument({ runtimeSnapshot: () => ({ activeSessions: 0, draining: false }) }, { deploymentVersion: 'v1' });
process.on('message', () => process.send?.(process.cpuUsage()));
