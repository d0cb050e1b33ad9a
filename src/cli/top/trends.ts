const BARS = '▁▂▃▄▅▆▇█';
/** A bar stands for at least so long. */
const BAR_MS = 3_000;
const MOST_BARS = 60;

interface Reading {
  readonly at: number;
  readonly sessions: ReadonlyMap<string, number>;
}

/** Sessions by version over the last minutes, for each pool. */
export class Trends {
  readonly #pools = new Map<string, Reading[]>();

  /** Adds what was read at a time, in Unix ms: sessions by version. */
  add(pool: string, at: number, sessions: ReadonlyMap<string, number>): void {
    const readings = this.#pools.get(pool) ?? [];
    const last = readings.at(-1);
    if (last && at - last.at < BAR_MS) readings[readings.length - 1] = { at: last.at, sessions };
    else readings.push({ at, sessions });
    this.#pools.set(pool, readings.slice(-MOST_BARS));
  }

  /** Nothing could be read: a gap in every line. */
  skip(at: number): void {
    for (const pool of this.#pools.keys()) this.add(pool, at, new Map());
  }

  /**
   * A line of bars for each version, the last reading at its end, all on one scale. A space where the version was not
   * there; the lowest bar is zero and nothing else.
   */
  lines(pool: string, versions: readonly string[], columns: number): string[] {
    const readings = (this.#pools.get(pool) ?? []).slice(-columns);
    let most = 1;
    for (const { sessions } of readings) {
      for (const version of versions) most = Math.max(most, sessions.get(version) ?? 0);
    }
    return versions.map((version) =>
      readings.map(({ sessions }) => bar(sessions.get(version), most)).join(''),
    );
  }
}

function bar(sessions: number | undefined, most: number): string {
  if (sessions === undefined) return ' ';
  return BARS.charAt(Math.ceil((sessions / most) * (BARS.length - 1)));
}
