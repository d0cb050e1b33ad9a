/** Up to half as long again, at random: a fleet whose backend was away must not come back in step. */
export const jittered = (ms: number): number => ms * (1 + Math.random() / 2);
