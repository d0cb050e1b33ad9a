import type { Waiting } from '../deploy/verdict/verdict.js';
import { count, duration } from '../lib/format.js';
import type { Judged } from './gate.js';
import { plain, plainJson } from './terminal/text.js';

/** Prints what happens on the way to a verdict. */
export interface Printer {
  /** Something beside the verdict; never on stdout. */
  note(line: string): void;
  /** The verdict of now; prints nothing when nothing has changed since the last one. */
  change(verdict: Judged): void;
  /** Why the state is unknown now. */
  trouble(message: string): void;
  /** The last verdict. Gives the exit code. */
  end(verdict: Judged | undefined, exitCode: number): number;
}

/** Plain lines, or JSON: one object a change. */
export function createPrinter(isJson: boolean): Printer {
  const print = isJson ? printJson : printText;
  let printed: string | undefined;
  let trouble = '';
  const printOnce = (key: string, message: Message) => {
    if (key !== printed) print(message);
    printed = key;
  };
  return {
    note: (line) => console.error(line),
    change(verdict) {
      trouble = '';
      printOnce(gist(verdict), { verdict });
    },
    trouble(message) {
      trouble = plain(message);
      printOnce(trouble, { trouble });
    },
    end(verdict, exitCode) {
      print({ ...(verdict && { verdict }), ...(trouble && { trouble }), exitCode });
      return exitCode;
    },
  };
}

interface Message {
  readonly verdict?: Judged;
  readonly trouble?: string;
  readonly exitCode?: number;
}

/** What makes a verdict another one: not the seconds that pass, and not the numbers of others. */
function gist(verdict: Judged): string {
  const { target, phase, checks, workers, sessionsLeft, dropped, leftovers, heldBy } = verdict;
  const states = Object.values(checks).map(({ state }) => state);
  const waiting = verdict.waitingFor.map(({ id, state, sessions }) => [id, state, sessions]);
  const unaccounted = verdict.unaccounted.map(({ id }) => id);
  const notes = verdict.notes.map((note) => note.replace(/\d+/g, ''));
  return JSON.stringify([
    ...[target, phase, states, workers, sessionsLeft, dropped, waiting, leftovers],
    ...[unaccounted, notes, heldBy],
  ]);
}

function printJson({ verdict, trouble, exitCode }: Message): void {
  const at = new Date(verdict?.now ?? Date.now()).toISOString();
  console.log(plainJson({ at, ...(verdict ?? { phase: 'unknown' }), error: trouble, exitCode }));
}

function printText({ verdict, trouble, exitCode }: Message): void {
  const time = new Date(verdict?.now ?? Date.now()).toISOString().slice(11, 19);
  const end = exitCode === undefined ? '' : ` (exit code ${exitCode})`;
  console.log(`${time} ${verdict?.phase ?? 'unknown'}${end}`);
  if (trouble) console.log(`  ${trouble}`);
  if (!verdict) return;
  for (const { state, sentence } of Object.values(verdict.checks)) {
    console.log(`  ${MARKS[state]} ${plain(sentence)}`);
  }
  for (const worker of verdict.waitingFor) console.log(`    waiting for ${waitingFor(worker)}`);
  for (const { id, version, lastReportSeconds } of verdict.unaccounted) {
    const worker = `${plain(id)} (${plain(version)})`;
    console.log(`    unaccounted for: ${worker}, no goodbye, last report ${duration(lastReportSeconds)} ago`);
  }
  for (const expression of verdict.heldBy ?? []) console.log(`    held while ${plain(expression)}`);
  for (const note of verdict.notes) console.log(`    note: ${plain(note)}`);
}

function waitingFor(worker: Waiting): string {
  const { id, version, state, sessions, drainingForSeconds, drainTimeoutSeconds } = worker;
  const drain = drainingForSeconds === undefined ? '' : `, draining for ${duration(drainingForSeconds)}`;
  const limit = drainTimeoutSeconds === undefined ? '' : ` (drain timeout ${duration(drainTimeoutSeconds)})`;
  return `${plain(id)} (${plain(version)}): ${state}, ${count(sessions, 'session')}${drain}${limit}`;
}

const MARKS = { met: '[x]', open: '[ ]', failed: '[!]', unknown: '[?]' } as const;
