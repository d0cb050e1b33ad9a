import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RejectionReason, SessionOutcome } from '../../src/attributes.js';
import { type AuditEvent, type PoolSession, SessionPool } from '../../src/pools/index.js';
import type { SessionInfo } from '../../src/worker/pool.js';
import { rejection } from './support.js';

describe('any sequence of calls', () => {
  const LIMIT = 4;
  const outcome = fc.constantFrom<SessionOutcome>('success', 'failed', 'cancelled', 'unknown');
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('start' as const),
        id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
        tenant: fc.constantFrom('x', 'y', 'Z & Co'),
        agentName: fc.constantFrom('one', 'two'),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(30), outcome }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  );

  it('agrees with a simple model', async () => {
    const run = async (steps: (typeof step extends fc.Arbitrary<infer S> ? S : never)[]) => {
      const events: AuditEvent[] = [];
      const started: SessionInfo[] = [];
      const ended = new Map<SessionInfo, SessionOutcome[]>();
      const rejected: RejectionReason[] = [];
      const pool = new SessionPool({
        maxConcurrentSessions: LIMIT,
        auditSink: (event) => events.push(event),
      });
      pool.observe({
        onSessionStart: (info) => started.push(info),
        onSessionEnd: (info, how) => ended.set(info, [...(ended.get(info) ?? []), how]),
        onJobRejected: (reason) => rejected.push(reason),
      });

      const sessions: PoolSession[] = [];
      const expected = new Map<SessionInfo, SessionOutcome>();
      const refused: RejectionReason[] = [];
      let drains = 0;
      const active = () => sessions.filter(({ info }) => !expected.has(info)).map(({ info }) => info);
      const tally = (names: (string | undefined)[]) =>
        names.reduce<Record<string, number>>((counts, name = '') => {
          counts[name] = (counts[name] ?? 0) + 1;
          return counts;
        }, {});

      for (const action of steps) {
        if (action.do === 'drain') {
          drains = 1;
          pool.beginDrain();
        } else if (action.do === 'end') {
          const session = sessions[action.which % Math.max(1, sessions.length)];
          if (session && !expected.has(session.info)) expected.set(session.info, action.outcome);
          session?.end(action.outcome);
        } else {
          const { id, tenant, agentName } = action;
          const taken = active().some((info) => info.id === id);
          const reason =
            drains > 0
              ? 'draining'
              : active().length >= LIMIT
                ? 'at_capacity'
                : taken
                  ? 'invalid'
                  : undefined;
          if (reason === undefined) sessions.push(pool.start({ id, tenant, agentName }));
          else {
            refused.push(reason);
            expect(rejection(() => pool.start({ id, tenant, agentName })).reason).toBe(reason);
          }
        }
        expect(pool.runtimeSnapshot()).toMatchObject({
          activeSessions: active().length,
          draining: drains > 0,
          registeredAgents: new Set(sessions.map(({ info }) => info.agentName)).size,
          totalSessionsStarted: sessions.length,
          totalSessionFailures: [...expected.values()].filter((how) => how === 'failed').length,
          lastRoutedAgent: sessions.at(-1)?.info.agentName ?? null,
        });
        expect(pool.runtimeSnapshot().sessionsByTenant).toStrictEqual(tally(active().map((i) => i.tenant)));
        expect(pool.runtimeSnapshot().sessionsByAgent).toStrictEqual(tally(active().map((i) => i.agentName)));
      }

      const left = active();
      expect(await pool.drain({ timeoutSeconds: 0 })).toEqual({
        drained: left.length === 0,
        stillActive: left,
      });
      for (const info of left) expected.set(info, 'dropped');
      for (const session of sessions) session.end();
      expect(started).toEqual(sessions.map(({ info }) => info));
      expect(ended).toEqual(new Map([...expected].map(([info, how]) => [info, [how]])));
      expect(ended.size).toBe(sessions.length);
      expect(sessions.filter(({ signal }) => signal.aborted).map(({ info }) => info)).toEqual(left);
      expect(rejected).toEqual(refused);
      expect(events.map(({ seq }) => seq)).toEqual(
        Array.from({ length: refused.length + 1 }, (_, i) => i + 1),
      );
      expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 0, sessionsByTenant: {} });
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), run), { numRuns: 300 });
  });
});
