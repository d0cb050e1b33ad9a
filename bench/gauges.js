import { deepEqual } from 'node:assert/strict';
import { ValueType } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import * as names from '../dist/attributes.js';
import { Datapoints, registerGauges } from '../dist/worker/gauges.js';
import { Worker } from '../dist/worker/worker.js';
import { identity, judged, measureInTurns, median, medianRatio, microseconds, times } from './support.js';

/** @typedef {import('@opentelemetry/api').Meter} Meter */
/** @typedef {import('../dist/worker/worker.js').Totals} Totals */

const GOAL = 1.2;
const DRAIN_TIMEOUT_SECONDS = 600;
const INTERVAL_SECONDS = 15;
const BASE = identity.attributes;

class CollectingReader extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

/** @param {(meter: Meter) => unknown} register */
function collector(register) {
  const reader = new CollectingReader();
  register(new MeterProvider({ readers: [reader] }).getMeter(names.SCOPE_NAME));
  return () => reader.collect();
}

/** @typedef {ReturnType<typeof createPool>} Pool */
/** @param {number} tenants */
function createPool(tenants) {
  const sessionsByTenant = Object.fromEntries(Array.from({ length: tenants }, (_, n) => [`tenant-${n}`, n]));
  const snapshot = { activeSessions: 45, draining: false, sessionsByTenant };
  return { runtimeSnapshot: () => snapshot };
}

/** @param {Pool} pool @param {number} tenantLimit */
function createWorker(pool, tenantLimit) {
  const worker = new Worker(pool, {
    startedAt: identity.startedAt,
    drainTimeoutSeconds: DRAIN_TIMEOUT_SECONDS,
    tenantLimit: tenantLimit || undefined,
    intervalSeconds: () => INTERVAL_SECONDS,
    sessionsByTenant: () => ({}),
  });
  worker.totals.started = 1045;
  worker.totals.ended.success = 1000;
  return worker;
}

/** @param {Meter} meter @param {Worker} worker */
function registerOurs(meter, worker) {
  registerGauges(meter, new Datapoints(identity.attributes), () => worker.read());
}

/** @param {Meter} meter @param {Pool} pool @param {Totals} totals */
function registerByHand(meter, pool, totals) {
  /** @param {import('../dist/attributes.js').Metric} metric */
  const create = ({ name, unit, description, kind }) => {
    const options = { unit, description, valueType: unit === 's' ? ValueType.DOUBLE : ValueType.INT };
    return kind === 'gauge'
      ? meter.createObservableGauge(name, options)
      : meter.createObservableCounter(name, options);
  };
  const active = create(names.METRICS.active);
  const draining = create(names.METRICS.draining);
  const version = create(names.METRICS.running);
  const dropped = create(names.METRICS.dropped);
  const startTime = create(names.METRICS.startTime);
  const interval = create(names.METRICS.interval);
  const drainElapsed = create(names.METRICS.drainElapsed);
  const drainTimeout = create(names.METRICS.drainTimeout);
  const tenantActive = create(names.METRICS.tenants);
  const started = create(names.METRICS.started);
  const ended = create(names.METRICS.ended);
  const rejected = create(names.METRICS.rejected);
  const tenants = Object.keys(pool.runtimeSnapshot().sessionsByTenant).map(
    (tenant) => /** @type {const} */ ([tenant, { ...BASE, [names.TENANT_ID]: tenant }]),
  );
  const outcomes = names.SESSION_OUTCOMES.map(
    (outcome) => /** @type {const} */ ([outcome, { ...BASE, [names.SESSION_OUTCOME]: outcome }]),
  );
  const reasons = names.REJECTION_REASONS.map(
    (reason) => /** @type {const} */ ([reason, { ...BASE, [names.REJECTION_REASON]: reason }]),
  );
  meter.addBatchObservableCallback(
    (result) => {
      const snapshot = pool.runtimeSnapshot();
      result.observe(active, snapshot.activeSessions, BASE);
      result.observe(draining, snapshot.draining ? 1 : 0, BASE);
      result.observe(version, 1, BASE);
      result.observe(dropped, totals.ended.dropped, BASE);
      result.observe(startTime, identity.startedAt / 1000, BASE);
      result.observe(interval, INTERVAL_SECONDS, BASE);
      result.observe(drainElapsed, 0, BASE);
      result.observe(drainTimeout, DRAIN_TIMEOUT_SECONDS, BASE);
      for (const [tenant, set] of tenants)
        result.observe(tenantActive, snapshot.sessionsByTenant[tenant] ?? 0, set);
      result.observe(started, totals.started, BASE);
      for (const [outcome, set] of outcomes) result.observe(ended, totals.ended[outcome], set);
      for (const [reason, set] of reasons) result.observe(rejected, totals.rejected[reason], set);
    },
    [
      ...[active, draining, version, dropped, startTime, interval, drainElapsed, drainTimeout],
      ...[tenantActive, started, ended, rejected],
    ],
  );
}

/** @param {() => ReturnType<MetricReader['collect']>} collect */
async function datapoints(collect) {
  const { resourceMetrics } = await collect();
  const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  return metrics.flatMap(({ descriptor, dataPoints }) =>
    dataPoints.map(({ value, attributes }) => ({ ...descriptor, value, attributes })),
  );
}

/** @param {number} tenants @returns {Promise<import('./support.js').Row[]>} */
async function compare(tenants) {
  const pool = createPool(tenants);
  const worker = createWorker(pool, tenants);
  const ours = collector((meter) => registerOurs(meter, worker));
  const byHand = collector((meter) => registerByHand(meter, pool, worker.totals));
  const points = await datapoints(ours);
  deepEqual(points, await datapoints(byHand));
  const [our = [], hand = []] = await measureInTurns([ours, byHand]);
  const what = tenants ? `${points.length} datapoints, ${tenants} tenants` : `${points.length} datapoints`;
  return [
    { label: `${what}: ours, by hand`, value: `${microseconds(median(our))}, ${microseconds(median(hand))}` },
    judged(`${what}: ratio`, medianRatio(our, hand), GOAL, times),
  ];
}

/** @type {import('./support.js').Topic} */
export const gauges = {
  title: 'One collection of the gauges, against the same instruments and datapoints by hand on the SDK',
  run: async () => [...(await compare(0)), ...(await compare(10))],
};
