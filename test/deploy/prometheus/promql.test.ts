import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as names from '../../../src/attributes.js';
import {
  both,
  either,
  labelName,
  matcher,
  milliseconds,
  parseMatchers,
  perWorker,
  positive,
  range,
  series,
  union,
} from '../../../src/deploy/prometheus/promql.js';
import {
  aheadQuery,
  elsewhereQuery,
  goneQueries,
  rareQueries,
  silentQuery,
  workerQueries,
} from '../../../src/deploy/prometheus/queries.js';
import { parseError } from './fake-prometheus.js';

describe('series', () => {
  it.each([
    [names.METRICS.active, 'openrtc_active_sessions{}'],
    [names.METRICS.startTime, '{__name__=~"openrtc_start_time(_seconds)?"}'],
    [names.METRICS.interval, '{__name__=~"openrtc_report_interval(_seconds)?"}'],
    [names.METRICS.started, '{__name__=~"openrtc_sessions_started(_total)?"}'],
  ])('of $name have the suffixes that backends append, or none', (metric, expected) => {
    expect(series(metric)).toBe(expected);
    expect(parseError(expected)).toBeUndefined();
  });

  it('take more matchers', () => {
    const matchers = [matcher(names.POOL_NAME, 'voice'), 'cluster="eu"'];
    expect(series(names.METRICS.draining, matchers)).toBe(
      'openrtc_draining{openrtc_pool_name="voice",cluster="eu"}',
    );
    expect(series(names.METRICS.startTime, matchers)).toBe(
      '{__name__=~"openrtc_start_time(_seconds)?",openrtc_pool_name="voice",cluster="eu"}',
    );
  });

  it('have names that Prometheus can store', () => {
    for (const { name } of Object.values(names.METRICS)) expect(labelName(name)).toMatch(/^[a-z_]+$/);
  });
});

describe('expressions', () => {
  it('put together are PromQL', () => {
    const last = perWorker('max', `last_over_time(${range(series(names.METRICS.draining), '5m', '1h')})`);
    expect(last).toBe(
      'max by (openrtc_pool_name, openrtc_worker_id, openrtc_worker_version) (last_over_time(openrtc_draining{}[5m] offset 1h))',
    );
    const query = union({ one: positive(either(last, last)), other: both(last, last) });
    expect(parseError(query)).toBeUndefined();
    expect(query).toBe(
      `label_replace((${last} or ${last}) > 0, "fact", "one", "", "") or label_replace(${last} and ${last}, "fact", "other", "", "")`,
    );
  });

  it('know no empty range', () => {
    expect(milliseconds(0)).toBe('1ms');
    expect(milliseconds(266.67)).toBe('267ms');
  });

  it('are PromQL whatever a pool is called, and however long a deploy takes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.double({ min: 1, max: 1e7, noNaN: true }),
        fc.double({ min: 0, max: 1e8, noNaN: true }),
        (pool, silence, age) => {
          const matchers = [matcher(names.POOL_NAME, pool)];
          const window = { matchers, silence, age, reach: age, coverageAge: age };
          const queries = [
            ...workerQueries(window),
            ...goneQueries(window),
            silentQuery(window, false),
            silentQuery(window, true),
            ...rareQueries(window),
            aheadQuery(matchers, age),
            elsewhereQuery(pool, [], silence),
            elsewhereQuery(pool, ['cluster="eu"'], silence),
          ];
          for (const query of queries) expect(parseError(query)).toBeUndefined();
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('parseMatchers', () => {
  it.each([
    ['', []],
    ['cluster="eu"', ['cluster="eu"']],
    [' cluster = "eu" , env=~\'prod|stage\', ', ['cluster = "eu"', "env=~'prod|stage'"]],
    ['a!="x",b!~"y\\"z"', ['a!="x"', 'b!~"y\\"z"']],
    ['a="b,c}",d=""', ['a="b,c}"', 'd=""']],
  ])('takes %j apart', (text, matchers) => {
    expect(parseMatchers(text)).toEqual(matchers);
    expect(parseError(series(names.METRICS.draining, parseMatchers(text)))).toBeUndefined();
  });

  it.each([
    'cluster',
    'cluster=eu',
    'cluster="eu',
    'cluster="eu" env="prod"',
    ',',
    'cluster=="eu"',
    '9a="b"',
    'a="b"} or vector(0)',
    'a="b\n"',
  ])('takes no %j', (text) => expect(parseMatchers(text)).toBeUndefined());
});
