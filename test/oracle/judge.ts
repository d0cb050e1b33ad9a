import type { DeployFacts, Verdict } from '../../src/deploy/index.js';
import { type Bounds, dropBounds } from './truth/drops.js';
import { maySupersede, objections, unaccounted } from './truth/may.js';
import { mustBe } from './truth/must.js';
import { SLACK, type View } from './truth/view.js';
import { type Window, windowOf } from './truth/window.js';
import type { Question } from './world/world.js';

/** What a source and the verdict gave, at a moment of the world. */
export interface Answer {
  readonly facts?: DeployFacts;
  readonly verdict?: Verdict;
  /** The source could not tell, or the question was refused. */
  readonly error?: unknown;
}

/** Where an answer is not what the design demands. */
interface Complaint {
  /** The same for all worlds in which the same goes wrong. */
  readonly kind: string;
  readonly detail: string;
}

export interface Judged {
  readonly phase: string;
  /** What the oracle demands, if it can foretell that. */
  readonly demanded: 'complete' | 'dropped' | undefined;
  readonly complaints: readonly Complaint[];
}

/** @param epoch - When the world begins, in Unix ms. */
export function judge(view: View, question: Question, answer: Answer, epoch: number): Judged {
  const { facts, verdict, error } = answer;
  const told = facts?.since === undefined ? undefined : facts.since - epoch;
  const window = windowOf(view, question, told);
  const demanded = mustBe(view, question, window);
  const phase = verdict?.phase ?? 'unknown';
  const complaints: Complaint[] = [];
  const complain = (kind: string, detail = '') => complaints.push({ kind, detail });
  if (error !== undefined && !isAllowed(error, view, question)) complain('it throws', String(error));
  if (demanded && phase !== demanded) complain(`must be ${demanded}, is ${phase}`);
  if (phase === 'complete') {
    for (const objection of new Set(objections(view, question, window)))
      complain(`complete, but ${objection}`);
  }
  if (verdict && window) complaints.push(...ofNumbers(view, window, verdict, demanded));
  if (verdict && window) complaints.push(...ofWords(view, question, window, verdict));
  return { phase, demanded, complaints };
}

function isAllowed(error: unknown, { now }: View, { since }: Question): boolean {
  if (error instanceof Error && error.name === 'SourceError') return true;
  return since !== undefined && since > now - SLACK;
}

/** No drop is invented, lost or told twice. */
function ofNumbers(view: View, window: Window, verdict: Verdict, demanded: Judged['demanded']): Complaint[] {
  const { dropped, checks, phase } = verdict;
  const bounds = dropBounds(view, window);
  const isKnown = checks.dropped.state !== 'unknown' && phase !== 'unknown' && window.since <= view.now;
  const found: Complaint[] = [];
  for (const word of ['confirmed', 'presumed'] as const) {
    const { least, most } = bounds[word];
    const value = dropped?.[word];
    if (value === undefined || Number.isNaN(value)) {
      if (isKnown) found.push({ kind: `${word} drops are not told`, detail: `${value}` });
      continue;
    }
    const detail = `${value}, should be ${text({ least, most })}`;
    if (value > most) found.push({ kind: `${word} drops are invented`, detail });
    if (value < least && (isKnown || demanded)) found.push({ kind: `${word} drops are lost`, detail });
  }
  const isNone = bounds.confirmed.most + bounds.presumed.most === 0;
  if (isNone && (phase === 'dropped' || checks.dropped.state === 'failed')) {
    found.push({ kind: 'drops where nothing was dropped', detail: checks.dropped.sentence });
  }
  return found;
}

const text = ({ least, most }: Bounds) => (least === most ? `${least}` : `${least} to ${most}`);

/** The phase says what it means, and who is not accounted for is named. */
function ofWords(view: View, question: Question, window: Window, verdict: Verdict): Complaint[] {
  const found: Complaint[] = [];
  const { phase, checks } = verdict;
  if (phase === 'complete') {
    const unmet = Object.values(checks).filter(({ state }) => state !== 'met');
    if (unmet.length > 0)
      found.push({ kind: 'complete, but a check is not met', detail: unmet[0]?.sentence ?? '' });
    const named = JSON.stringify((verdict as { unaccounted?: unknown }).unaccounted ?? []);
    for (const id of unaccounted(view, question, window)) {
      if (!named.includes(`"${id}"`)) found.push({ kind: 'who is unaccounted for is not named', detail: id });
    }
  }
  if (phase === 'superseded' && !maySupersede(view, question)) {
    found.push({ kind: 'superseded, but by nobody', detail: checks.version.sentence });
  }
  if (phase === 'stuck' && !view.workers.some((worker) => mayBeStuck(view, worker))) {
    found.push({ kind: 'stuck, but nobody is past a timeout', detail: checks.drained.sentence });
  }
  return found;
}

function mayBeStuck({ now }: View, { lives, readings }: View['workers'][number]): boolean {
  return lives.some(({ drainAt, drainTimeoutMs }) => {
    if (drainAt === undefined || drainTimeoutMs === undefined) return false;
    const isPast = now - drainAt > drainTimeoutMs - SLACK;
    return isPast && readings.some(({ active }) => active > 0);
  });
}
