/** When it was asked for, and when it was known, in milliseconds that never go back. */
type Admission = readonly [sentAt: number, knownAt: number, ...rest: unknown[]];

/** The most admissions that certainly fell into one window: asked for after it began, known before it ended. */
export function mostIn(events: readonly Admission[], windowMs: number): number {
  const sorted = [...events].sort(([a], [b]) => a - b);
  let most = 0;
  for (let first = 0; first < sorted.length; first += Math.ceil(sorted.length / 3_000)) {
    const begin = sorted[first]?.[0] ?? 0;
    let count = 0;
    for (let index = first; index < sorted.length && (sorted[index]?.[0] ?? 0) < begin + windowMs; index++) if ((sorted[index]?.[1] ?? 0) < begin + windowMs - 1) count++;
    most = Math.max(most, count);
  }
  return most;
}
