// The same with an AgentServer of one's own, which is drained and closed by hand.
import { fileURLToPath } from 'node:url';
import { AgentServer, defineAgent, initializeLogger, ServerOptions } from '@livekit/agents';
import { instrument } from 'openrtc-otel';
import { livekitPool, trackJob } from 'openrtc-otel/livekit';

export default defineAgent({
  entry: async (ctx) => {
    trackJob(ctx);
    await ctx.connect();
  },
});

const file = fileURLToPath(import.meta.url);
// Each job's process loads this file again, for its agent only.
if (process.argv[1] === file) {
  initializeLogger({ pretty: false, level: process.env.LOG_LEVEL ?? 'info' });
  const options = new ServerOptions({
    agent: file,
    agentName: 'example',
    drainTimeout: Number(process.env.DRAIN_TIMEOUT_SECONDS ?? 600) * 1000,
    loadFunc: async (server) => server.activeJobs.length / 10,
    wsURL: process.env.LIVEKIT_URL,
    production: true,
    host: '127.0.0.1',
    port: Number(process.env.PORT ?? 8081),
  });
  const server = new AgentServer(options);
  instrument(livekitPool(server, options), { poolName: 'livekit-example', tenantLimit: 20 });

  let isStopping = false;
  const stop = async () => {
    // A second signal joins the first: a second server.drain() would not wait for the live calls.
    if (isStopping) return;
    isStopping = true;
    await server.drain().catch((error) => console.error(error.message));
    await server.close(); // says goodbye
    process.exit();
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, stop);
  await server.run();
}
