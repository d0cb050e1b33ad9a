import { ERROR_TYPE_OTHER } from './attributes.js';

/** How long a trouble that comes and goes stays unmentioned after it was said. */
const QUIET_MS = 300_000;

/**
 * Tells the operator of the worker something, on stderr, as a Node process warning.
 * @internal
 */
export function say(message: string): void {
  // A worker's id or the name of a file must not make a second line, or move the cursor.
  process.emitWarning(message.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD'), 'openrtc-otel');
}

/**
 * Something that can break and heal. Breaking is said once and healing is said once, however often both are
 * noted; one that flaps is said at most every five minutes.
 * @internal
 */
export class Trouble {
  #said = false;
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(readonly whenHealed: string) {}

  broke(message: string): void {
    if (this.#said || performance.now() - this.#saidAt < QUIET_MS) return;
    this.#said = true;
    this.#saidAt = performance.now();
    say(message);
  }

  healed(): void {
    if (!this.#said) return;
    this.#said = false;
    say(this.whenHealed);
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
