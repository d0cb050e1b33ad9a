import { describe, expect, it } from 'vitest';
import { GREY } from '../../examples/grafana/source/panels.js';
import { PHASES, STATES } from '../../examples/grafana/source/phases.js';
import { targetsOf } from '../grafana/panels.js';
import { FIRST_ROW } from './support/first-row.js';
import { grafanaData } from './support/grafana-data.js';
import { green, range, usePlayedPrometheus, v1, type Written, ZERO } from './support/played-prometheus.js';
import { Prometheus } from './support/prometheus.js';
import { type PanelView, readPanels } from './support/read-panels.js';

/** All that each panel says where nothing is known, and its colour if it has one. */
const NOTHING: Readonly<Record<string, string>> = {
  'Deploy of $target': `Unknown ${GREY}`,
  'Every worker on the target': `Not known ${GREY}`,
  'Sessions left on old workers': `Not known ${GREY}`,
  'Sessions dropped': `Not known ${GREY}`,
  'Sessions by version': 'No worker reports',
  Workers: 'No data',
  'What holds it, and who dropped sessions': 'Nothing is known',
  'Last session ends': `None known ${GREY}`,
  'Alerts that fire': 'None, or rules not installed',
  'All workers': 'No worker reported',
  'Sessions started': 'No worker reports',
  'Sessions ended': 'No worker reports',
  'Jobs rejected': 'No worker reports',
  'Started on another version than the target': 'No other version, or nothing is known',
  'Active sessions by tenant and version': 'Tenants are reported with the option tenantLimit',
  'Tenants still on old workers': 'No tenant, or tenants are not reported',
  'Dropped sessions': 'None, or Tempo knows nothing: no proof',
  'Failed sessions': 'None, or Tempo knows nothing',
  'Longest sessions': 'None, or Tempo knows nothing',
  'Started sessions': 'None, or Tempo knows nothing',
};
/** The words of good news; its colour is green. */
const GOOD: readonly string[] = [PHASES.done.text, '100%', STATES.accepting.text];

const titleOf = ({ panel }: PanelView) => panel.title ?? '';
const saidBy = (views: readonly PanelView[]) =>
  Object.fromEntries(
    views.map((view) => {
      const cells = view.rows.flat().map(({ text, color }) => (color ? `${text} ${color}` : text));
      return [titleOf(view), cells.join(', ')];
    }),
  );

/** The panels that show good news. */
async function good(views: readonly PanelView[]): Promise<string[]> {
  const { greens } = await grafanaData();
  const isGood = (view: PanelView) =>
    view.rows.flat().some(({ text, color = '' }) => greens.includes(color) || GOOD.includes(text));
  return views.filter(isGood).map(titleOf);
}

const FIRST_TITLES = FIRST_ROW.map(({ title = '' }) => title);
const THE_FIRST = Object.fromEntries(FIRST_TITLES.map((title) => [title, NOTHING[title]]));
const QUARTER_MS = 900_000;

const prometheus = usePlayedPrometheus();
const END = 2_000;
/** A deploy that is done, until the end of all reports. */
const done = (more: Partial<Written> = {}, end = END): Written[] =>
  [v1('o1', { reports: [0, 985], active: 2, goodbye: { at: 1_000 } }), ...green(700, { end })].map(
    (worker) => ({
      ...worker,
      ...more,
    }),
  );

describe('nothing known is never good news:', () => {
  it('an empty Prometheus', async () => {
    await using empty = await Prometheus.start();
    expect(saidBy(await readPanels(empty.url, { from: ZERO, to: ZERO + QUARTER_MS }))).toEqual(NOTHING);
  });

  it.each(['chosen', 'not chosen'])('a range before the data, the pool %s', async (choice) => {
    const { pool } = await prometheus.played(...done());
    const sight = {
      ...(choice === 'chosen' && { pool }),
      from: ZERO - 4 * QUARTER_MS,
      to: ZERO - QUARTER_MS,
    };
    expect(saidBy(await readPanels(prometheus.url, sight))).toEqual(NOTHING);
  });

  it('a pool that never reported', async () => {
    await prometheus.played(...done());
    const to = ZERO + END * 1_000;
    expect(saidBy(await readPanels(prometheus.url, { pool: 'other', from: ZERO, to }))).toEqual(NOTHING);
  });

  it('an outage: all workers stopped to report', async () => {
    const story = await prometheus.played(...done());
    expect(await good(await story.panels(END))).toEqual(expect.arrayContaining(FIRST_TITLES));
    for (const moment of [...range(END + 70, END + 670, 60), END + 3_000]) {
      const views = await story.panels(moment, { target: 'v2' });
      expect(saidBy(views), `at ${moment}`).toMatchObject(THE_FIRST);
      expect(await good(views), `at ${moment}`).toEqual([]);
    }
  });

  it('one pool of two, of which the other one is done', async () => {
    const story = await prometheus.played(...done({ pool: 'done' }), ...done({ pool: 'out' }, 1_200));
    const to = ZERO + END * 1_000;
    const of = (pool: string) =>
      readPanels(prometheus.url, { pool: `${story.pool}-${pool}`, target: 'v2', from: ZERO, to });
    const views = await of('out');
    expect(saidBy(views)).toMatchObject(THE_FIRST);
    expect(await good(views)).toEqual([]);
    expect(await good(await of('done'))).toEqual(expect.arrayContaining(FIRST_TITLES));
  });

  it('no Tempo, beside a deploy that is done', async () => {
    const story = await prometheus.played(...done());
    const views = await story.panels(END);
    const ofTempo = views.filter(({ panel }) => targetsOf(panel).some(({ query }) => query));
    expect(ofTempo.length).toBeGreaterThan(0);
    expect(NOTHING).toMatchObject(saidBy(ofTempo));
  });
});
