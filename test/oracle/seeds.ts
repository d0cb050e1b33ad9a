/** Which worlds are played: `ORACLE_SEED=n` that one, `ORACLE_WORLDS=n` so many. */
export function seedsFor(count: number): number[] {
  const { ORACLE_SEED, ORACLE_WORLDS } = process.env;
  if (ORACLE_SEED) return [Number(ORACLE_SEED)];
  return Array.from({ length: Number(ORACLE_WORLDS ?? count) }, (_, index) => index + 1);
}
