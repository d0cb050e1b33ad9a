import { readFileSync } from 'node:fs';
import { OpenRtcPythonPool } from '../../../src/bridge/openrtc-python.js';
import { parseLine, parseSocketAnswer } from '../../../src/bridge/parse.js';
import type { Telemetry } from '../../../src/instrument/handle.js';
import { instrument } from '../../../src/instrument.js';
import { internalsOf } from '../../../src/worker/pool.js';
import { last } from '../../support/lists.js';
import { createMeterProvider } from '../../support/provided-sdk.js';
import { createTracing } from '../../support/spans.js';
import { valuesOf } from '../../wire/support/points.js';

const UPDATE_EVERY_MS = 250;

export const captured = (file: string) =>
  readFileSync(new URL(`../captures/${file}`, import.meta.url), 'utf8');

/** What happens to a worker beside its stream, at seconds of its uptime. */
export interface Happenings {
  /** What the introspection socket answered. */
  readonly socket?: ReadonlyArray<readonly [uptime: number, file: string]>;
  /** When the bridge is told of a drain that the worker does not report. */
  readonly drainAt?: number;
  /** From when on its snapshots report that it drains, as those of the example do. */
  readonly reportsDrainAt?: number;
  readonly drainTimeoutSeconds?: number;
}

/** Replays a recorded stream, by the times that are in it, and gives what the worker's signals were. */
export async function replay(capture: string, happenings: Happenings = {}) {
  const lines = captured(`${capture}/metrics.jsonl`)
    .trimEnd()
    .split('\n')
    .map((line) => parseLine(line));
  const [first] = lines;
  if (first?.kind !== 'snapshot') throw new Error('expected a stream that begins with a snapshot');
  const { startedAt = 0, version } = first.facts;
  let now = 0;
  const pool = new OpenRtcPythonPool({
    startedAt,
    deploymentVersion: version,
    drainTimeoutSeconds: happenings.drainTimeoutSeconds,
    hasStream: true,
    watchedSince: Date.now(),
    now: () => now,
  });
  const metrics = createMeterProvider();
  const tracing = createTracing();
  const states: string[] = [];
  const tenants: Array<Readonly<Record<string, number>>> = [];
  let telemetry: Telemetry | undefined;

  const note = () => {
    const snapshot = pool.runtimeSnapshot();
    const { activeSessions, draining, totalSessionsStarted } = snapshot;
    const ends = Object.entries(internalsOf(pool)?.totals?.().ended ?? {}).filter(([, count]) => count > 0);
    const state = [
      `${draining ? 'draining' : 'accepting'} ${activeSessions} of ${totalSessionsStarted}`,
      ...ends.map(([outcome, count]) => `${count} ${outcome}`),
    ].join(', ');
    if (states.at(-1) === state) return;
    states.push(state);
    tenants.push(snapshot.sessionsByTenant ?? {});
  };
  const happenAt: Array<readonly [uptime: number, happen: () => void]> = (happenings.socket ?? []).map(
    ([uptime, file]) => [
      uptime,
      () => {
        const answer = parseSocketAnswer(captured(`${capture}/${file}`));
        if (!answer) throw new Error(`expected an answer of the socket in ${file}`);
        pool.takeSocketAnswer(answer.facts, answer.sessions);
      },
    ],
  );
  if (happenings.drainAt !== undefined) happenAt.push([happenings.drainAt, () => pool.drain()]);
  const passTo = (uptime: number) => {
    for (; now < uptime * 1000; now = Math.min(now + UPDATE_EVERY_MS, uptime * 1000)) {
      const due = happenAt.filter(([at]) => at * 1000 <= now);
      for (const [, happen] of due) happen();
      for (const one of due) happenAt.splice(happenAt.indexOf(one), 1);
      pool.update();
      note();
    }
  };

  let uptime = 0;
  for (const line of lines) {
    if (line?.kind === 'snapshot') uptime = line.facts.uptimeSeconds ?? uptime;
    passTo(uptime);
    if (line?.kind === 'snapshot') {
      const draining =
        line.facts.draining || uptime >= (happenings.reportsDrainAt ?? Number.POSITIVE_INFINITY);
      pool.takeSnapshot({ ...line.facts, draining });
    }
    if (line?.kind === 'event') pool.takeEvent(line.event);
    telemetry ??= instrument(pool, {
      workerId: capture,
      tenantLimit: 10,
      meterProvider: metrics.provider,
      tracerProvider: tracing.provider,
    });
    if (line?.kind === 'snapshot') note();
  }
  passTo(uptime + 3.5);
  pool.end(false);
  const goodbye = await telemetry?.shutdown({ now: true });
  const spans = tracing.named('openrtc.session').map(({ attributes }) => ({
    id: attributes['openrtc.session.id'],
    tenant: attributes['openrtc.tenant.id'],
    outcome: attributes['openrtc.session.outcome'],
  }));
  await metrics.provider.shutdown();
  return {
    states,
    tenants,
    goodbye,
    version: telemetry?.deploymentVersion,
    report: valuesOf(last(metrics.reports()) as never),
    spans,
  };
}
