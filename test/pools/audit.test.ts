import { describe, expect, it, vi } from 'vitest';
import { type AuditEvent, SessionPool } from '../../src/pools/index.js';
import { boom, rejection, unhandledRejections } from './support.js';

describe('auditSink', () => {
  it("is given events in OpenRTC's schema", () => {
    const events: AuditEvent[] = [];
    const pool = new SessionPool({
      deploymentVersion: 'v1',
      maxConcurrentSessions: 1,
      auditSink: (event) => events.push(event),
    });
    pool.start({});
    rejection(() => pool.start({}));
    pool.beginDrain();
    pool.beginDrain();
    rejection(() => pool.start({}));
    const common = { timestamp: expect.any(Number), actor: 'system', target: 'worker', version: 'v1' };
    expect(events).toStrictEqual([
      { ...common, seq: 1, event: 'worker.rejected', result: 'rejected', reason: 'at_capacity' },
      { ...common, seq: 2, event: 'deployment.drain_started', result: 'ok', active_sessions: 1 },
      { ...common, seq: 3, event: 'worker.rejected', result: 'rejected', reason: 'draining' },
    ]);
    expect(Math.abs((events[0]?.timestamp ?? 0) - Date.now() / 1000)).toBeLessThan(5);
  });

  it('gives null as the version of a pool that has none', () => {
    const auditSink = vi.fn();
    new SessionPool({ auditSink }).beginDrain();
    expect(auditSink).toHaveBeenCalledWith(expect.objectContaining({ version: null }));
  });

  it.each([
    ['throws', boom],
    ['rejects', async () => boom()],
  ])('may be one that %s', async (_, sink) => {
    const auditSink = vi.fn(sink);
    const pool = new SessionPool({ auditSink });
    const seen = await unhandledRejections(() => {
      pool.beginDrain();
      expect(rejection(() => pool.start({})).reason).toBe('draining');
    });
    expect(seen).toEqual([]);
    expect(auditSink.mock.calls).toMatchObject([[{ seq: 1 }], [{ seq: 2 }]]);
  });
});
