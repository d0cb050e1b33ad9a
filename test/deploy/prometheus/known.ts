import type { Known } from './fake-prometheus.js';

export const NOW = 1_800_000_000_000;
/** So many seconds before now: in Unix s, as the facts of Prometheus are. */
export const ago = (seconds: number) => NOW / 1000 - seconds;

/** What is known of a pool's version before its workers are. */
export const pool = (name: string, version: string, startedAt: number, intervalSeconds = 15): Known[] => {
  const labels = { openrtc_pool_name: name };
  return [
    { fact: 'cameUp', labels: { ...labels, openrtc_worker_version: version }, value: startedAt },
    { fact: 'longestInterval', labels, value: intervalSeconds },
  ];
};

/** A worker that has run for an hour and reported 5 s ago. */
export const worker = (facts: Readonly<Record<string, number>> = {}, id = 'w-1', version = 'v2'): Known[] => {
  const labels = { openrtc_pool_name: 'voice', openrtc_worker_id: id, openrtc_worker_version: version };
  return Object.entries({
    running: 1,
    reportsThrough: 1,
    lastReportAt: ago(5),
    startTime: ago(3600),
    interval: 15,
    active: 0,
    draining: 0,
    drainElapsed: 0,
    dropped: 0,
    droppedBefore: 0,
    ...facts,
  }).map(([fact, value]) => ({ fact, labels, value }));
};
export const without = (known: readonly Known[], ...facts: readonly string[]) =>
  known.filter(({ fact }) => !facts.includes(fact));
export const covered: Known = { fact: 'covered', labels: { openrtc_pool_name: 'voice' }, value: 1 };
/** Workers of another pool, on v1. */
export const elsewhere = (name: string, workers: number, sessions?: number): Known[] => {
  const labels = { openrtc_pool_name: name, openrtc_worker_version: 'v1' };
  const found = [{ fact: 'workers', labels, value: workers }];
  return sessions === undefined ? found : [...found, { fact: 'sessions', labels, value: sessions }];
};
