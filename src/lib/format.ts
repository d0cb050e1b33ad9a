/** Seconds as people say them: 4.5 s, 40 s, 3 min, 2 h 5 min. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 120) return `${minutes} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest > 0 ? ` ${rest} min` : ''}`;
}

/** `1 session`, `2 sessions`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** A moment in Unix ms as an ISO time in UTC, to the second. */
export const time = (unixMs: number): string => new Date(unixMs).toISOString().replace(/\.\d+Z$/, 'Z');
