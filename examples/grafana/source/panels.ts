import {
  AxisPlacement,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  FieldColorModeId,
  type FieldConfig,
  LegendDisplayMode,
  MappingType,
  type Panel,
  PercentChangeColorMode,
  SortOrder,
  SpecialValueMatch,
  StackingMode,
  type ThresholdsConfig,
  ThresholdsMode,
  type TimelineValueAlignment,
  TooltipDisplayMode,
  type ValueMapping,
  VisibilityMode,
  VizOrientation,
} from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as TimelineOptions } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { Options as TableOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type { Query } from './queries.js';

/** The colour of what is not known: never that of good news. */
export const GREY = '#808080';

/** What every panel has. */
export interface Common {
  readonly title: string;
  /** What good looks like, and what to do when it is not. */
  readonly description: string;
  readonly queries: readonly Query[];
  readonly width: number;
  readonly height: number;
  /** What stands there when there is no value. */
  readonly noValue: string;
  readonly unit: string;
  /** From which value on which colour; below the first it is grey. */
  readonly colors?: readonly (readonly [from: number, color: string])[];
  readonly mappings?: ValueMapping[];
  readonly links?: FieldConfig['links'];
  readonly overrides?: NonNullable<Panel['fieldConfig']>['overrides'];
  readonly transformations?: NonNullable<Panel['transformations']>;
}

const thresholds = (colors: Common['colors'] = []): ThresholdsConfig => ({
  mode: ThresholdsMode.Absolute,
  steps: [{ color: GREY, value: null }, ...colors.map(([value, color]) => ({ color, value }))],
});

/** A number as a word with a colour. */
export const words = (meanings: Readonly<Record<string, { value: number; text: string; color: string }>>) =>
  ({
    type: MappingType.ValueToText,
    options: Object.fromEntries(
      Object.values(meanings).map(({ value, text, color }, index) => [value, { text, color, index }]),
    ),
  }) satisfies ValueMapping;

/** A whole text as another one, with a part of it. */
export const matching = ({ pattern, text }: { readonly pattern: string; readonly text: string }) =>
  ({
    type: MappingType.RegexToText,
    options: { pattern: `^${pattern}$`, result: { text, index: 0 } },
  }) satisfies ValueMapping;

/** Nothing as words, in grey. */
export const nothing = (text: string): ValueMapping => ({
  type: MappingType.SpecialValue,
  options: { match: SpecialValueMatch.NullAndNan, result: { text, color: GREY, index: 99 } },
});

function panel(
  type: string,
  common: Common,
  mode: FieldColorModeId,
  custom: object,
  options: object,
  hasNothing = true,
): Panel {
  const { title, description, queries, width, height, noValue, unit, colors, links, overrides = [] } = common;
  const [first] = queries;
  return {
    type,
    title,
    description,
    datasource: first?.datasource ?? {},
    gridPos: { x: 0, y: 0, w: width, h: height },
    targets: queries.map((query, index) => ({ ...query, refId: String.fromCharCode(65 + index) })),
    fieldConfig: {
      defaults: {
        unit,
        ...(noValue && { noValue }),
        color: { mode },
        thresholds: thresholds(colors),
        mappings: [...(common.mappings ?? []), ...(hasNothing ? [nothing(noValue)] : [])],
        ...(links && { links }),
        custom: { ...custom },
      },
      overrides,
    },
    options: { ...options },
    ...(common.transformations && { transformations: common.transformations }),
  };
}

const REDUCED = { calcs: ['lastNotNull'], fields: '', values: false };
const TOOLTIP = { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending };

/** The value of now, in a colour. */
export function stat(common: Common & { readonly named?: boolean; readonly below?: boolean }): Panel {
  const options: StatOptions = {
    colorMode: BigValueColorMode.Background,
    graphMode: BigValueGraphMode.None,
    justifyMode: BigValueJustifyMode.Center,
    orientation: common.below ? VizOrientation.Horizontal : VizOrientation.Auto,
    percentChangeColorMode: PercentChangeColorMode.Standard,
    reduceOptions: REDUCED,
    showPercentChange: false,
    textMode: common.named ? BigValueTextMode.ValueAndName : BigValueTextMode.Value,
    // A name stands above its value, however wide the page is.
    wideLayout: false,
  };
  return panel('stat', common, FieldColorModeId.Thresholds, {}, options);
}

export function timeseries(common: Common & { readonly stacked?: boolean }): Panel {
  const options: TimeSeriesOptions = {
    legend: {
      // The last value of what is gone would stand there for ever.
      calcs: [],
      displayMode: LegendDisplayMode.List,
      placement: 'bottom',
      showLegend: true,
    },
    tooltip: TOOLTIP,
  };
  const stacking = { mode: common.stacked ? StackingMode.Normal : StackingMode.None, group: 'A' };
  const custom = {
    axisPlacement: AxisPlacement.Auto,
    axisSoftMin: 0,
    fillOpacity: common.stacked ? 60 : 0,
    // Where a version has no value its line would lie on that of another.
    lineWidth: common.stacked ? 0 : 1,
    spanNulls: false,
    stacking,
  };
  return panel('timeseries', common, FieldColorModeId.PaletteClassicByName, custom, options);
}

export function timeline(common: Common): Panel {
  const options: TimelineOptions = {
    alignValue: 'left' satisfies TimelineValueAlignment,
    legend: { calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true },
    mergeValues: true,
    // As many as can be read.
    perPage: 8,
    rowHeight: 0.8,
    showValue: VisibilityMode.Never,
    tooltip: TOOLTIP,
  };
  return panel(
    'state-timeline',
    common,
    // By thresholds, newer versions throw the words away where equal values are merged.
    FieldColorModeId.Fixed,
    { fillOpacity: 80, lineWidth: 0 },
    options,
    // Before a worker started there is nothing to say.
    false,
  );
}

export function table(
  common: Common & { readonly sortBy?: readonly string[]; readonly filterable?: boolean },
): Panel {
  const options: TableOptions = {
    frameIndex: 0,
    showHeader: true,
    ...(common.sortBy && { sortBy: common.sortBy.map((displayName) => ({ displayName, desc: true })) }),
  };
  return panel(
    'table',
    common,
    FieldColorModeId.Thresholds,
    { align: 'auto', filterable: common.filterable ?? false },
    options,
  );
}
