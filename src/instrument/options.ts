import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Attributes, type MeterProvider, SpanKind, type TracerProvider } from '@opentelemetry/api';
import { LONGEST_VALUE } from '../attributes.js';
import { attempt } from '../lib/attempt.js';
import { showClass } from '../lib/redact.js';
import {
  checkOptions,
  isFunction,
  isRecord,
  isSeconds,
  isWhole,
  type Rule,
  type Rules,
} from '../lib/validate.js';
import type { PoolLike, SessionInfo } from '../worker/pool.js';

/** The tenants that still leave a worker under 60 series. */
const MOST_TENANTS = 40;

/** In bytes: the system takes 103 for the socket of a worker in this folder. */
const LONGEST_FOLDER = 85;

/** Options of {@link instrument}. All have defaults. */
export interface InstrumentOptions {
  /**
   * The deployment version of this worker.
   *
   * @default the `deploymentVersion` of the pool's snapshot, else `service.version` of
   * `OTEL_RESOURCE_ATTRIBUTES`, else `unversioned` with a warning
   */
  readonly deploymentVersion?: string;
  /**
   * The name of the pool, unique in an environment.
   *
   * @default `service.name` of `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES`, else `default`
   */
  readonly poolName?: string;
  /**
   * The id of this worker. It must never be used again, not even after a restart.
   *
   * @default the host's name and eight random hexadecimal digits
   */
  readonly workerId?: string;
  /**
   * More attributes for every datapoint and session span. Fixed for the worker's life.
   *
   * @default {}
   */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /**
   * How long the worker may drain, in seconds. `shutdown()` waits as long for live sessions.
   *
   * @default the `drainTimeoutSeconds` of the pool's snapshot, else no limit
   */
  readonly drainTimeoutSeconds?: number;
  /**
   * Reports active sessions by tenant: the first N tenants each (1 to 40), all later ones as `other`.
   *
   * @default undefined (not reported)
   */
  readonly tenantLimit?: number;
  /**
   * More attributes for a session's spans. What it returns is exported: mind personal data.
   *
   * @default undefined
   */
  readonly spanAttributes?: (session: SessionInfo) => Attributes;
  /**
   * The kind of the session spans.
   *
   * @default SpanKind.CONSUMER
   */
  readonly spanKind?: SpanKind;
  /**
   * A folder for this worker's journal: what is needed to say its goodbye when it is killed. It is made where it
   * is missing, and shared with the workers before and beside it on this machine: the dead among them are found
   * here, and their goodbyes sent, to where the `OTEL_*` environment says. Its path has at most 85 bytes.
   *
   * @default undefined (no journal)
   */
  readonly journal?: string;
  /**
   * Where metrics go instead of the pipeline from the `OTEL_*` environment. It is flushed, never shut down.
   *
   * @default undefined
   */
  readonly meterProvider?: MeterProvider;
  /**
   * Where spans go instead of the pipeline from the `OTEL_*` environment. It is flushed, never shut down.
   *
   * @default undefined
   */
  readonly tracerProvider?: TracerProvider;
}

const isText = (value: unknown) => typeof value === 'string' && value !== '' && value.length <= LONGEST_VALUE;
const has = (method: string) => (value: unknown) =>
  attempt(() => isFunction((value as Record<string, unknown> | null)?.[method]), false);
const text: Rule = [`a string of 1 to ${LONGEST_VALUE} characters`, isText];

/** What each option must be. */
export const RULES: Rules<keyof InstrumentOptions> = {
  deploymentVersion: text,
  poolName: text,
  workerId: text,
  attributes: ['a record of strings, finite numbers and booleans, without names of openrtc.*', isAttributes],
  drainTimeoutSeconds: ['seconds, 0 or more', isSeconds],
  tenantLimit: [`a whole number from 1 to ${MOST_TENANTS}`, isWhole(1, MOST_TENANTS)],
  spanAttributes: ['a function', isFunction],
  spanKind: ['a SpanKind', (value) => typeof value === 'number' && value in SpanKind],
  journal: [`the path of a folder, at most ${LONGEST_FOLDER} bytes long`, isFolder],
  meterProvider: ['a MeterProvider', has('getMeter')],
  tracerProvider: ['a TracerProvider', has('getTracer')],
};

/** Every option, in the order of the README's table. */
export const OPTIONS = Object.keys(RULES) as Array<keyof InstrumentOptions>;

/** @throws TypeError that names what is wrong, what was expected and what was given. */
export function checkArguments(pool: PoolLike, options: InstrumentOptions): void {
  if (!has('runtimeSnapshot')(pool)) {
    throw new TypeError(
      `instrument(pool): expected an object with runtimeSnapshot(), got ${showClass(pool)}`,
    );
  }
  checkOptions(options, RULES);
}

/** Whether a second call asks for what the first one made. */
export function areSameOptions(first: InstrumentOptions, second: InstrumentOptions): boolean {
  return OPTIONS.every((name) => {
    const [a, b] = [first[name], second[name]];
    return b === undefined || a === b || (name === 'attributes' && isDeepStrictEqual(a, b));
  });
}

function isFolder(value: unknown): boolean {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) return false;
  return Buffer.byteLength(resolve(value)) <= LONGEST_FOLDER;
}

function isAttributes(value: unknown): boolean {
  if (!isRecord(value)) return false;
  return Object.entries(value).every(
    ([name, item]) =>
      name !== '' &&
      !name.startsWith('openrtc.') &&
      (typeof item === 'string' || typeof item === 'boolean' || Number.isFinite(item)),
  );
}
