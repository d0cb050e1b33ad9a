// A LiveKit worker: each job is a session. It reports to where OTEL_EXPORTER_OTLP_ENDPOINT says.
import { fileURLToPath } from 'node:url';
import { AgentServer, cli, defineAgent, ServerOptions } from '@livekit/agents';
import { instrument } from 'openrtc-otel';
import { livekitPool, trackJob } from 'openrtc-otel/livekit';

export default defineAgent({
  entry: async (ctx) => {
    trackJob(ctx);
    await ctx.connect();
    // Talk: the session lasts until its room is gone, or ctx.shutdown() is called.
  },
});

const options = new ServerOptions({
  agent: fileURLToPath(import.meta.url),
  agentName: 'example',
  drainTimeout: Number(process.env.DRAIN_TIMEOUT_SECONDS ?? 600) * 1000,
  // By calls and not by CPU, so that a busy machine takes its calls too.
  loadFunc: async (server) => server.activeJobs.length / 10,
  loadThreshold: 1,
  // A call that names no tenant is nobody's.
  requestFunc: (request) => (request.job.metadata.includes('tenant') ? request.accept() : request.reject()),
  host: '127.0.0.1',
  port: Number(process.env.PORT ?? 8081),
});

instrument(livekitPool(AgentServer, options), { poolName: 'livekit-example', tenantLimit: 20 });
process.on('SIGTERM', () => {}); // a second one must not end the process
cli.runApp(options);
