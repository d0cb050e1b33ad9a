import { expect, it } from 'vitest';
import { panelsNamed } from '../grafana/panels.js';
import { grafanaData, type RawFrame } from './support/grafana-data.js';

/** A column as Grafana's Tempo data source makes it: an attribute of a span under its own name. */
const column = (name: string, displayNameFromDS: string, value: string | number) => ({
  name,
  type: typeof value === 'number' ? ('number' as const) : ('string' as const),
  config: { displayNameFromDS },
  values: [value],
});
const attribute = (name: string, value: string) => column(name, name, value);

/** A dropped session, as a row of spans. */
const SPANS: RawFrame = {
  refId: 'traces',
  length: 1,
  fields: [
    { name: 'traceIdHidden', type: 'string', config: { custom: { hidden: true } }, values: ['t'] },
    column('traceService', 'Trace Service', 'voice'),
    column('traceName', 'Trace Name', 'openrtc.session'),
    column('spanID', 'Span ID', 's'),
    column('time', 'Start time', '2026-01-31 12:00:00'),
    column('name', 'Name', 'openrtc.session'),
    attribute('error.type', 'dropped'),
    attribute('openrtc.agent.name', 'front-desk'),
    attribute('openrtc.session.id', 'call-7'),
    attribute('openrtc.session.outcome', 'dropped'),
    attribute('openrtc.tenant.id', 'acme'),
    attribute('openrtc.worker.id', 'w1'),
    attribute('openrtc.worker.version', '1.4.2'),
    column('duration', 'Duration', 4_000_000_000),
  ],
};

it('a table of sessions has columns that people read, the trace stays behind the span', async () => {
  const { toDataFrame, transformDataFrame, getFieldDisplayName } = await grafanaData();
  const [dropped] = panelsNamed('Dropped sessions');
  const frames = await new Promise<readonly ReturnType<typeof toDataFrame>[]>((next, error) => {
    transformDataFrame(dropped.transformations ?? [], [toDataFrame(SPANS)], {
      interpolate: (text) => text,
    }).subscribe({ next, error });
  });
  const [frame] = frames;
  const columns = frame?.fields.map((field) => [getFieldDisplayName(field, frame, frames), field.values[0]]);
  expect(columns).toEqual([
    ['Started', '2026-01-31 12:00:00'],
    ['Session', 'call-7'],
    ['Tenant', 'acme'],
    ['Agent', 'front-desk'],
    ['Worker', 'w1'],
    ['Version', '1.4.2'],
    ['Outcome', 'dropped'],
    ['Why', 'dropped'],
    ['Took', 4_000_000_000],
    ['Span', 's'],
    ['traceIdHidden', 't'],
  ]);
});
