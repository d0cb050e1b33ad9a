/** Which worlds are played: `ORACLE_SEEDS=7` that one, `ORACLE_SEEDS=1-20000` all of them, else the usual ones. */
export function seedsFor(usualFirst: number, usualLast: number): number[] {
  const usual = `${usualFirst}-${usualLast}`;
  const [first = 1, last = first] = (process.env.ORACLE_SEEDS ?? usual).split('-').map(Number);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
