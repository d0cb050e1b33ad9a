import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/until.js';
import { GatedReceiver } from './support/gated-receiver.js';
import { createAgentsProject, LiveKit } from './support/livekit.js';
import { ended, FAULTS } from './support/livekit-scenarios.js';
import { Scene } from './support/livekit-scene.js';
import type { Project } from './support/project.js';

/** Older ones than `livekit.test.ts` runs. They do not tell that an entry threw. */
const VERSIONS = ['1.4.11', '1.7.1'];

describe.each(VERSIONS)('@livekit/agents %s', (version) => {
  let project: Project;
  beforeAll(async () => {
    project = await createAgentsProject(version, `test/e2e/fixtures/${FAULTS}`);
  });
  afterAll(() => project?.[Symbol.asyncDispose]());

  it('tells the seven ends of a session', async () => {
    await using livekit = await LiveKit.start();
    await using watched = await GatedReceiver.start();
    await using scene = new Scene(livekit, project, watched);
    const isEnded = (version: string, outcomes: Record<string, number>) =>
      until(
        `${version} has ended ${JSON.stringify(outcomes)}: ${JSON.stringify(scene.facts(version).ended)}`,
        () => {
          const facts = scene.facts(version).ended;
          return Object.entries(outcomes).every(([outcome, sessions]) => facts[outcome] === sessions);
        },
      );

    const v1 = await scene.worker('v1', FAULTS, { DRAIN_TIMEOUT_SECONDS: '8' });
    const deleted = await scene.call('acme');
    await deleted.end();
    await isEnded('v1', { success: 1 });
    await scene.offer({ tenant: 'acme', fault: 'shutdown' });
    await isEnded('v1', { success: 2 });
    await scene.offer({ tenant: 'acme', fault: 'exit' });
    await isEnded('v1', { dropped: 1 });
    await scene.offer({ tenant: 'acme', fault: 'throw' });
    await isEnded('v1', { success: 3 });
    const [endsInDrain] = [await scene.call('acme'), await scene.call('acme')];
    await scene.terminate(v1, 2);
    await scene.seen('v1', { draining: true, active: 2 });
    await endsInDrain.end();
    await v1.exit;
    await isEnded('v1', { success: 4, dropped: 2 });
    expect(scene.facts('v1')).toMatchObject({ exited: true, dropped: 2 });

    const v2 = await scene.worker('v2', FAULTS, { PREWARM_MS: '25000' });
    await scene.offer({ tenant: 'acme' });
    await scene.seen('v2', { active: 1, started: 0 });
    v2.kill('SIGTERM');
    await v2.exit;
    await until('v2 has said goodbye', () => scene.facts('v2').exited);
    expect(scene.facts('v2')).toMatchObject({ dropped: 1, ended: ended({ dropped: 1 }) });
  });
});
