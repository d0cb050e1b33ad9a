import { duration } from '../deploy/sentences.js';
import type { Verdict } from '../deploy/verdict.js';
import { plain, plainJson } from './text.js';

/** Says what happens on the way to a verdict. */
export interface Printer {
  /** Something beside the verdict; never on stdout. */
  note(line: string): void;
  /** The verdict of now; says nothing when it says what the last one said. */
  change(verdict: Verdict): void;
  /** Why nothing can be known now. */
  trouble(message: string): void;
  /** The last word. Gives the exit code. */
  end(verdict: Verdict | undefined, exitCode: number): number;
}

/** Plain lines, or JSON: one object a change. */
export function createPrinter(isJson: boolean): Printer {
  const print = isJson ? printJson : printText;
  const note = (line: string) => console.error(line);
  let said: string | undefined;
  let trouble = '';
  const once = (key: string, say: () => void) => {
    if (key !== said) say();
    said = key;
  };
  return {
    note,
    change(verdict) {
      trouble = '';
      once(gist(verdict), () => print({ verdict }));
    },
    trouble(message) {
      trouble = plain(message);
      once(trouble, () => print({ trouble }));
    },
    end(verdict, exitCode) {
      print({ ...(verdict && { verdict }), ...(trouble && { trouble }), exitCode });
      return exitCode;
    },
  };
}

interface Message {
  readonly verdict?: Verdict;
  readonly trouble?: string;
  readonly exitCode?: number;
}

/** What makes a verdict another one: not the seconds that pass. */
function gist({
  target,
  phase,
  checks,
  workers,
  sessionsLeft,
  dropped,
  waitingFor,
  leftovers,
}: Verdict): string {
  const states = Object.values(checks).map(({ state }) => state);
  const waiting = waitingFor.map(({ id, state, sessions }) => [id, state, sessions]);
  return JSON.stringify([target, phase, states, workers, sessionsLeft, dropped, waiting, leftovers]);
}

function printJson({ verdict, trouble, exitCode }: Message): void {
  const at = new Date(verdict?.now ?? Date.now()).toISOString();
  console.log(plainJson({ at, ...(verdict ?? { phase: 'unknown' }), error: trouble, exitCode }));
}

function printText({ verdict, trouble, exitCode }: Message): void {
  const time = new Date(verdict?.now ?? Date.now()).toISOString().slice(11, 19);
  console.log(
    `${time} ${verdict?.phase ?? 'unknown'}${exitCode === undefined ? '' : ` (exit code ${exitCode})`}`,
  );
  if (trouble) console.log(`  ${trouble}`);
  if (!verdict) return;
  for (const { state, sentence } of Object.values(verdict.checks)) {
    console.log(`  ${MARKS[state]} ${plain(sentence)}`);
  }
  for (const { id, version, state, sessions, ...since } of verdict.waitingFor) {
    const drain =
      since.drainingForSeconds === undefined ? '' : `, draining for ${duration(since.drainingForSeconds)}`;
    const limit = since.drainTimeoutSeconds === undefined ? '' : ` of ${duration(since.drainTimeoutSeconds)}`;
    console.log(
      `    waiting for ${plain(id)} (${plain(version)}): ${state}, ${sessions} sessions${drain}${limit}`,
    );
  }
}

const MARKS = { met: '[x]', open: '[ ]', failed: '[!]', unknown: '[?]' } as const;
