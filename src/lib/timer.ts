/** Lets the process end before a timer does. Where a DOM is put over Node's globals, a timer is a number. */
export function unref<Timer>(timer: Timer): Timer {
  (timer as { unref?(): unknown }).unref?.();
  return timer;
}
