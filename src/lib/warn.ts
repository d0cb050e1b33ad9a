import type { ERROR_TYPE_VALUE_OTHER } from '@opentelemetry/semantic-conventions';
import { oneLine } from './redact.js';

/** The class of an error that has none. */
const ERROR_TYPE_OTHER = '_OTHER' satisfies typeof ERROR_TYPE_VALUE_OTHER;

/** How long a trouble that comes and goes stays unmentioned after a warning. */
const QUIET_MS = 300_000;

/**
 * Warns the operator of the worker, on stderr, as a Node process warning.
 * @internal
 */
export function warn(message: string): void {
  // A worker's id or the name of a file must not make a second line, or move the cursor.
  process.emitWarning(oneLine(message), 'openrtc-otel');
}

/**
 * Warns, and resolves when the warning is out: Node prints one in a later tick, which never comes in a process that is
 * ended by then. Where nobody listens to warnings (`--no-warnings`), it goes to stderr all the same.
 * @internal
 */
export async function warnAtOnce(message: string): Promise<void> {
  warn(message);
  if (process.listenerCount('warning') === 0) process.stderr.write(`openrtc-otel: ${oneLine(message)}\n`);
  await new Promise<void>((resolve) => process.nextTick(resolve));
}

/**
 * Something that can break and heal: one warning when it breaks and one when it heals, however often both are noted;
 * for one that flaps, at most every five minutes.
 * @internal
 */
export class Trouble {
  #isBroken = false;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(readonly whenHealed: string) {}

  broke(message: string): void {
    if (this.#isBroken || performance.now() - this.#warnedAt < QUIET_MS) return;
    this.#isBroken = true;
    this.#warnedAt = performance.now();
    warn(message);
  }

  healed(): void {
    if (!this.#isBroken) return;
    this.#isBroken = false;
    warn(this.whenHealed);
  }
}

/**
 * Warnings of which each is given once.
 * @internal
 */
export class Once {
  readonly #given = new Set<string>();

  /** @param what - What the warning is about, where it can have several texts. */
  warn(message: string, what = message): void {
    if (!this.#given.has(what)) warn(message);
    this.#given.add(what);
  }

  /** Holds a warning back for good. */
  skip(what: string): void {
    this.#given.add(what);
  }
}

/**
 * The class of an error and never its message, which can hold personal data.
 * @internal
 */
export function errorClass(error: unknown): string {
  if (error === undefined) return ERROR_TYPE_OTHER;
  try {
    const name: unknown = error instanceof Error ? error.name : typeof error;
    return typeof name === 'string' && /^[A-Za-z_$][\w$.]{0,63}$/.test(name) ? name : ERROR_TYPE_OTHER;
  } catch {
    return ERROR_TYPE_OTHER; // an error that does not let itself be read
  }
}

/**
 * The code of an error of the system, else the class.
 * @internal
 */
export const errorCode = (error: unknown): string =>
  (error as NodeJS.ErrnoException | null | undefined)?.code ?? errorClass(error);
