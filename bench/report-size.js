import { oneReport } from './one-report.js';
import { judged } from './support.js';

const GOAL_BYTES = 1000;

/** @param {number} value */
const bytes = (value) => `${value} B`;

/** @param {Record<string, string>} settings @param {number} [tenants] */
const measure = async (settings, tenants) => (await oneReport(settings, tenants)).length;

const JSON_ENCODING = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
const PROTOBUF = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' };
const GZIP = { ...PROTOBUF, OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' };

/** @type {import('./support.js').Topic} */
export const reportSize = {
  title: 'The body of one whole report, as sent',
  run: async () => [
    { label: 'JSON', value: bytes(await measure(JSON_ENCODING)) },
    { label: 'protobuf', value: bytes(await measure(PROTOBUF)) },
    judged('protobuf, gzipped', await measure(GZIP), GOAL_BYTES, bytes),
    { label: 'protobuf, gzipped, with 10 tenants', value: bytes(await measure(GZIP, 10)) },
  ],
};
