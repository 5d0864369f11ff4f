/** A seed that nobody has given: printed, so that the run can be repeated. */
export function newSeed(): string {
  const seed = String(Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed} (repeat with CRYPTCAB_SEED=${seed})`);
  return seed;
}
