import { trace } from '@opentelemetry/api';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ERROR_TYPE, METRICS, SESSION_OUTCOME, SESSION_SPAN } from '../../src/attributes.js';
import { INERT } from '../../src/instrument/inert.js';
import type { InstrumentOptions } from '../../src/instrument/options.js';
import { instrument } from '../../src/instrument.js';
import type { PoolLike } from '../../src/worker/pool.js';
import { useFolder } from '../journal/support.js';
import { usePipeline } from '../support/pipeline.js';
import { lastOrdinary, valueIn } from '../support/points.js';
import { ObservedPool, TestPool } from '../support/pools.js';
import { listenToWarnings } from '../support/warnings.js';

listenToWarnings();
const pipeline = usePipeline();
const folder = useFolder();
const VERSION = { deploymentVersion: '1.2.3' };

const fail = (): never => {
  throw new Error('secret');
};
const TRAPS = ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor', 'apply'] as const;
const throwing = () => new Proxy(() => {}, Object.fromEntries(TRAPS.map((trap) => [trap, fail]))) as object;
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
/** Every member that anything reads of it throws. */
const unreadable = () =>
  Object.defineProperties(
    new Error('x'),
    Object.fromEntries(
      [
        'id',
        'tenant',
        'agentName',
        'startedAt',
        'deploymentVersion',
        'metadata',
        'now',
        'name',
        'message',
      ].map((name) => [name, { enumerable: true, get: fail }]),
    ),
  );
const unprintable = () => ({ toString: fail, valueOf: fail, toJSON: fail, [Symbol.toPrimitive]: fail });

/** What nobody should give: made when it is given, for not every value can even be shown. */
const hostile = fc.oneof(
  fc.constantFrom<() => unknown>(
    throwing,
    revoked,
    unreadable,
    unprintable,
    () => Symbol('s'),
    () => 2n ** 70n,
  ),
  fc
    .oneof(fc.constantFrom(null, undefined, '', '\ud800', 'SIGTERM', Number.NaN, []), fc.anything())
    .map((value) => () => value),
) as fc.Arbitrary<() => never>;

/** That, or an object with such members. */
const holding = (...names: readonly string[]) =>
  fc.oneof(
    hostile,
    fc
      .record(Object.fromEntries(names.map((name) => [name, hostile])), { requiredKeys: [] })
      .map((members) => () => {
        const entries = Object.entries(members as Record<string, () => unknown>);
        return Object.fromEntries(entries.map(([name, make]) => [name, make()])) as never;
      }),
  );
const info = holding('id', 'tenant', 'agentName', 'startedAt', 'metadata');

describe.each([
  ['', () => pipeline.instrument(new TestPool(), { ...VERSION, tenantLimit: 2, journal: folder.path })],
  [', of a process that is no worker', () => INERT],
])('whatever the methods of the telemetry are given%s', (_, create) => {
  it('nothing throws, code runs, and what it gives is passed on', async () => {
    const telemetry = create();
    await fc.assert(
      fc.asyncProperty(info, hostile, hostile, hostile, async (start, ...more) => {
        const [outcome, error, reason] = more.map((make) => make()) as unknown as [never, unknown, never];
        const session = telemetry.startSession(start());
        expect(typeof session.info.id).not.toBe('undefined');
        expect(session.run(() => 7)).toBe(7);
        session.end(outcome, error);
        session.end(outcome, error);
        telemetry.rejectJob(reason);
        expect(await telemetry.session(start(), () => 8)).toBe(8);
        const thrown = await telemetry
          .session(start(), () => Promise.reject(error))
          .then(
            () => undefined,
            (given) => ({ given }),
          );
        expect(Object.is(thrown?.given, error)).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(telemetry.shutdown(throwing() as never)).toBeInstanceOf(Promise);
    expect(await telemetry.shutdown({ now: true })).toMatchObject({ droppedSessions: 0 });
  });
});

it.each<[string, () => unknown]>([
  ['null', () => null],
  ['undefined', () => undefined],
  ['the name of a signal', () => 'SIGTERM'],
  ['an error, as a callback', () => new Error('drained')],
  ['an error that cannot be read', unreadable],
  ['a revoked proxy', revoked],
  ['a symbol', () => Symbol('s')],
])('shutdown takes %s', async (_, make) => {
  const telemetry = pipeline.instrument(new TestPool(), VERSION);
  expect(await telemetry.shutdown(make() as never)).toEqual({ delivered: true, droppedSessions: 0 });
});

/** Promises that are rejected fail the run, where nobody takes care of them. */
it.each<[string, object]>([
  ['observe()', { observe: async () => fail() }],
  ['the function that ends the observing', { observe: () => async () => fail() }],
  ['onInstrument()', { onInstrument: async () => fail() }],
])('%s of a pool may be async, and fail', async (_, hooks) => {
  const telemetry = pipeline.instrument(Object.assign(new TestPool(), hooks), VERSION);
  expect(await telemetry.shutdown()).toEqual({ delivered: true, droppedSessions: 0 });
  await new Promise(setImmediate);
});

it('a session whose error has a name that throws ends as failed, and the error is passed on', async () => {
  const telemetry = pipeline.instrument(new TestPool(), VERSION);
  const error = unreadable();
  await expect(
    telemetry.session({}, () => {
      throw error;
    }),
  ).rejects.toBe(error);
  await telemetry.shutdown();
  const [span] = pipeline.collector.spans.filter(({ name }) => name === SESSION_SPAN);
  expect(span?.attributes).toMatchObject({ [SESSION_OUTCOME]: 'failed', [ERROR_TYPE]: '_OTHER' });
  expect(
    valueIn(lastOrdinary(pipeline.collector.reports), METRICS.ended, { [SESSION_OUTCOME]: 'failed' }),
  ).toBe(1);
});

it('a fact of a session that cannot be read takes none of the others away', () => {
  const telemetry = pipeline.instrument(new TestPool(), VERSION);
  const start = Object.defineProperty({ id: 's-1', tenant: 'acme' }, 'metadata', {
    enumerable: true,
    get: fail,
  });
  expect(telemetry.startSession(start).info).toMatchObject({ id: 's-1', tenant: 'acme' });
});

it('whatever a pool tells its observer, nothing reaches the pool', async () => {
  const pool = new ObservedPool();
  const telemetry = pipeline.instrument(pool, VERSION);
  await fc.assert(
    fc.asyncProperty(info, hostile, hostile, async (session, ...more) => {
      const [outcome, error] = more.map((make) => make()) as unknown as [never, unknown];
      pool.tell((observer) => {
        observer.onSessionStart?.(session());
        expect(observer.runSession?.(session(), () => 7)).toBe(7);
        observer.onSessionEnd?.(session(), outcome, error);
        observer.onJobRejected?.(outcome);
      });
    }),
    { numRuns: 300 },
  );
  await telemetry.shutdown({ now: true });
});

it('whatever a snapshot holds, nothing is thrown and the goodbye is delivered', async () => {
  const snapshot = holding('activeSessions', 'draining', 'drainTimeoutSeconds', 'sessionsByTenant');
  await fc.assert(
    fc.asyncProperty(snapshot, async (given) => {
      const telemetry = pipeline.instrument(new TestPool(given()), { ...VERSION, tenantLimit: 2 });
      expect(await telemetry.shutdown({ now: true })).toMatchObject({ delivered: true });
    }),
    { numRuns: 40 },
  );
});

it('whatever is instrumented and with whatever options, either it works or a TypeError says why not', () => {
  const options = holding('poolName', 'attributes', 'journal', 'spanAttributes', 'meterProvider');
  const attempt = (pool: PoolLike, given: InstrumentOptions) => {
    try {
      void instrument(pool, given).shutdown({ now: true });
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
    }
  };
  fc.assert(
    fc.property(hostile, options, (pool, given) => {
      attempt(pool(), given());
      attempt(new TestPool(), given());
    }),
    { numRuns: 200 },
  );
});

describe('where the globals are not those of Node', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    // biome-ignore lint/suspicious/noExplicitAny: it is no member of it.
    delete (Object.prototype as any).toJSON;
  });

  it('timers are numbers, as in a DOM', async () => {
    const [timeout, interval, clearTimer] = [setTimeout, setInterval, clearTimeout];
    const timers = new Map<unknown, NodeJS.Timeout>();
    let count = 0;
    const numbered =
      (start: typeof setTimeout | typeof setInterval) =>
      (...args: Parameters<typeof setTimeout>) => {
        timers.set(++count, start(...args).unref());
        return count;
      };
    const clear = (timer: unknown) => clearTimer(timers.get(timer));
    vi.stubGlobal('setTimeout', numbered(timeout));
    vi.stubGlobal('setInterval', numbered(interval));
    vi.stubGlobal('clearTimeout', clear);
    vi.stubGlobal('clearInterval', clear);
    const telemetry = pipeline.instrument(new TestPool(), { ...VERSION, journal: folder.path });
    telemetry.startSession().end();
    expect(await telemetry.shutdown()).toEqual({ delivered: true, droppedSessions: 0 });
  });

  it('every object has a toJSON that throws', async () => {
    pipeline.environment({ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' });
    const telemetry = pipeline.instrument(new TestPool(), { ...VERSION, journal: folder.path });
    Object.defineProperty(Object.prototype, 'toJSON', { value: fail, configurable: true });
    const session = telemetry.startSession({ id: 'a' });
    await new Promise((resolve) => setTimeout(resolve, 600));
    session.end();
    const goodbye = await telemetry.shutdown();
    expect(goodbye.droppedSessions).toBe(0);
    expect(trace.getActiveSpan()).toBeUndefined();
  });
});
