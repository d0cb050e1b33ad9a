import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { FieldConfigSource, Panel, ReduceDataOptions } from '@grafana/schema';
import { installed } from './installed.js';
import { npmInstall } from './npm-install.js';
import { ROOT } from './project.js';

/** What a frame has before Grafana has looked at it. */
interface RawField {
  readonly name: string;
  readonly type: 'time' | 'number' | 'string';
  readonly config: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly values: readonly (number | string)[];
}
export interface RawFrame {
  readonly refId: string;
  readonly fields: readonly RawField[];
  readonly length: number;
}

/** How a value is shown. */
export interface DisplayValue {
  readonly text: string;
  readonly title?: string;
  /** As CSS writes it. */
  readonly color?: string;
}
interface Field {
  readonly name: string;
  readonly type: string;
  readonly config: { readonly custom?: { readonly cellOptions?: { readonly type: string } } };
  readonly values: readonly unknown[];
  readonly display: (value: unknown) => DisplayValue;
}
export interface Frame {
  readonly fields: readonly Field[];
  readonly length: number;
}

interface Theme {
  readonly visualization: {
    readonly hues: readonly {
      readonly name: string;
      readonly shades: readonly { readonly color: string }[];
    }[];
    getColorByName(name: string): string;
  };
}

/** Of the code of Grafana that a panel is drawn with, as much as reading one takes. */
interface GrafanaData {
  createTheme(): Theme;
  toDataFrame(frame: RawFrame): Frame;
  transformDataFrame(
    transformations: NonNullable<Panel['transformations']>,
    frames: readonly Frame[],
    context: { readonly interpolate: (text: string) => string },
  ): {
    subscribe(observer: { next: (frames: readonly Frame[]) => void; error: (error: Error) => void }): void;
  };
  applyFieldOverrides(options: Drawn & { readonly fieldConfigRegistry: object }): readonly Frame[];
  getFieldDisplayValues(
    options: Drawn & { readonly reduceOptions: ReduceDataOptions },
  ): readonly { readonly display: DisplayValue }[];
  getFieldDisplayName(field: Field, frame: Frame, all: readonly Frame[]): string;
  formattedValueToString(value: DisplayValue): string;
  stringToJsRegex(text: string): RegExp;
  FieldConfigOptionsRegistry: new (list: () => readonly object[]) => object;
  standardTransformers: Readonly<Record<string, { readonly id: string; readonly name: string }>>;
  standardTransformersRegistry: { setInit(list: () => readonly object[]): void };
  readonly [processor: `${string}OverrideProcessor`]: (value: unknown) => unknown;
}

/** Frames, and how a panel draws them. */
export interface Drawn {
  readonly data: readonly Frame[];
  readonly fieldConfig: FieldConfigSource;
  readonly replaceVariables: (text: string) => string;
  readonly theme: Theme;
  readonly timeZone: string;
}

/** The one that `@grafana/schema` is of, whose types the dashboard is written with. */
const VERSION: string = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).devDependencies[
  '@grafana/schema'
];

/** The folder of a project with `@grafana/data`. With all that it needs it is too large to be a dependency. */
export const grafanaDataDir = (): Promise<string> =>
  installed(`grafana-data-${VERSION}`, (dir) => npmInstall(dir, [`@grafana/data@${VERSION}`]));

/** The properties of a field that all panels have. Grafana's list of them is in no package. */
const PROPERTIES: Readonly<Record<string, string>> = {
  unit: 'unit',
  min: 'number',
  max: 'number',
  fieldMinMax: 'boolean',
  decimals: 'number',
  displayName: 'displayName',
  color: 'identity',
  noValue: 'string',
  links: 'dataLinks',
  mappings: 'valueMappings',
  thresholds: 'thresholds',
  filterable: 'boolean',
};
/** Of these the text or the colour of a cell depends. */
const CUSTOM = ['cellOptions', 'hidden'];
const OF_NUMBERS = ['unit', 'number'];

export type Loaded = Awaited<ReturnType<typeof load>>;
let loaded: Promise<Loaded> | undefined;

/** `@grafana/data`, set up as Grafana does when it starts. */
export const grafanaData = (): Promise<Loaded> => (loaded ??= load());

async function load() {
  const shims = globalThis as { navigator?: object; window?: object };
  // Node 20 has none.
  shims.navigator ??= { language: 'en-US', languages: ['en-US'] };
  const grafana: GrafanaData = createRequire(join(await grafanaDataDir(), 'package.json'))('@grafana/data');
  // Transformations ask it for what scenes put there. Before the import it would be taken for a browser.
  shims.window ??= {};
  // Some have two names.
  const transformers = new Map(Object.values(grafana.standardTransformers).map((one) => [one.id, one]));
  grafana.standardTransformersRegistry.setInit(() =>
    [...transformers.values()].map((one) => ({ ...one, transformation: async () => one })),
  );
  const property = (id: string, process: (value: unknown) => unknown, isOfNumbers: boolean) => ({
    id,
    name: id,
    path: id.replace(/^custom\./, ''),
    isCustom: id.startsWith('custom.'),
    process,
    shouldApply: ({ type }: Field) => !isOfNumbers || type === 'number',
  });
  const properties = [
    ...Object.entries(PROPERTIES).map(([id, kind]) =>
      property(
        id,
        grafana[`${kind}OverrideProcessor`] as (value: unknown) => unknown,
        OF_NUMBERS.includes(kind),
      ),
    ),
    ...CUSTOM.map((id) => property(`custom.${id}`, (value) => value, false)),
  ];
  const theme = grafana.createTheme();
  return {
    ...grafana,
    theme,
    fieldConfigRegistry: new grafana.FieldConfigOptionsRegistry(() => properties),
    /** The colour of a name, as CSS writes it. */
    css: (name: string) => theme.visualization.getColorByName(name),
    /** Every shade of green. */
    greens: theme.visualization.hues.flatMap(({ name, shades }) =>
      name === 'green' ? shades.map(({ color }) => color) : [],
    ),
  };
}
