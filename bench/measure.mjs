/** Interleaved rounds on tinybench, and what is made of them: medians, spreads and ratios taken within a round. */
import { fork } from 'node:child_process';
import { once as nextEvent } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Bench } from 'tinybench';

export const QUICK = process.env['BENCH_QUICK'] === '1';
export const ROUNDS = QUICK ? 3 : 7;
/** Turns of each contestant within a round: what slows the machine for a moment meets all of them. */
const TURNS = 5;

/**
 * Runs contestants in turn, `TURNS` times in each of `ROUNDS` rounds, so that a slow moment of the machine meets all of them alike.
 *
 * A contestant is `{ name, batch, prepare(size), run(input), warm? }`: `prepare` makes the input of one batch outside the measured
 * time, `run` works through it. Per round the mean is taken, not the median of its batches: garbage collection counts.
 * Answers wall and CPU nanoseconds per operation, one of each per round.
 */
export async function compare(contestants, timeMs = QUICK ? 100 : 250) {
  const results = new Map(contestants.map(({ name }) => [name, { wall: [], cpu: [] }]));
  // Last of all, since what is kept for a time may be gone by the end of a long preparation.
  for (const { warm } of contestants) await warm?.();
  // A longer first round is not counted: by its end every contestant has been compiled in the presence of all others.
  for (let round = -1; round < ROUNDS; round++) {
    const budgetMs = (round < 0 ? 3 * timeMs : timeMs) / TURNS;
    const shift = Math.max(0, round) % contestants.length;
    const turns = new Map(contestants.map(({ name }) => [name, []]));
    for (let turn = 0; turn < TURNS; turn++) {
      for (const contestant of [...contestants.slice(shift), ...contestants.slice(0, shift)]) {
        turns.get(contestant.name).push(await (contestant.measure?.(budgetMs) ?? once(contestant, budgetMs)));
      }
    }
    if (round < 0) continue;
    for (const [name, taken] of turns) {
      results.get(name).wall.push(mean(taken.map(({ wall }) => wall)));
      results.get(name).cpu.push(mean(taken.map(({ cpu }) => cpu)));
    }
  }
  return results;
}

const mean = (figures) => figures.reduce((sum, figure) => sum + figure, 0) / figures.length;

/** One contestant, one round. */
export async function once({ name, batch, prepare, run }, timeMs) {
  const size = QUICK ? Math.ceil(batch / 4) : batch;
  const bench = new Bench({ time: timeMs, iterations: 3, warmup: false, throws: true });
  let input = prepare(size);
  let before;
  let cpu = 0;
  let batches = 0;
  bench.add(name, () => run(input), {
    beforeEach() {
      input = prepare(size);
      before = process.cpuUsage();
    },
    afterEach() {
      const { user, system } = process.cpuUsage(before);
      cpu += user + system;
      batches++;
    },
  });
  const [task] = await bench.run();
  return { wall: (task.result.latency.mean * 1e6) / size, cpu: (cpu * 1e3) / (batches * size) };
}

/** A contestant in a process of its own, which is asked for one round at a time and idle in between. */
export async function remote(name, file, args) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args);
  await nextEvent(child, 'message');
  return {
    name,
    async measure(timeMs) {
      child.send(timeMs);
      const [result] = await nextEvent(child, 'message');
      return result;
    },
    stop: () => child.disconnect(),
  };
}

/** Median, least and greatest of a list of figures, one per round. */
export function spread(figures) {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return { median: (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2, min: sorted[0], max: sorted.at(-1) };
}

/** One quotient per round. */
export const ratios = (over, under) => spread(over.map((figure, round) => figure / under[round]));

export const differences = (from, what) => from.map((figure, round) => figure - what[round]);

/** `1.24 (1.20 to 1.31)`. */
export function show({ median, min, max }, digits = 2) {
  const text = (figure) => figure.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text(median)} (${text(min)} to ${text(max)})`;
}

/** A figure held against its target; when it is missed, by how much. `byCpu`: the same figure from CPU time, for information. */
export function judge(what, figure, sign, bound, unit, byCpu) {
  const reached = sign === '≤' ? figure.median <= bound : figure.median >= bound;
  const missed = `no, ${Math.abs(100 * (figure.median / bound - 1)).toFixed(0)} % short`;
  return { what, measured: show(figure), 'by CPU time': byCpu === undefined ? '' : show(byCpu), target: `${sign} ${bound.toLocaleString('en-US')}${unit}`, reached: reached ? 'yes' : missed };
}

/** Hands a part's figures and targets to `run.mjs`, or prints them when the part was started by hand. */
export function finish(result) {
  if (process.send === undefined) {
    for (const table of [result.figures, result.targets]) if (table?.length > 0) console.table(table);
    process.exit(0);
  }
  process.send(result, () => process.exit(0));
}

export const number = (value) => value.toLocaleString('en-US');

export const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? '' : 's'}`;

/** Deterministic whole numbers below `limit` (xorshift32): the same traffic in every run. */
export function randomOf(seed) {
  let state = seed | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** Texts kept as bytes and made anew for each use, as a server gets them: no cached hash, no shared string. */
export function freshTexts(texts, seed = 1) {
  const stored = texts.map((text) => Buffer.from(text, 'latin1'));
  const random = randomOf(seed);
  return (count) => Array.from({ length: count }, () => stored[random(stored.length)].latin1Slice());
}
