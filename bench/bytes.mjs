/**
 * Bytes per bucket after garbage collection: `node --expose-gc bench/bytes.mjs <limiter> <touched | busy>`. Ids are made for
 * each use and dropped, so that only what the limiter keeps is counted. One process for each figure.
 */
import { LIMITERS, simulatedClock } from './limiters.mjs';
import { finish, judge, number, QUICK, spread } from './measure.mjs';

const [limiterName = 'keystile', state = 'touched'] = process.argv.slice(2);
const BUCKETS = (state === 'touched' ? 200_000 : 40_000) / (QUICK ? 10 : 1);
const SAMPLES = QUICK ? 2 : 5;
const SUB_WINDOWS = 60;

const clock = simulatedClock();
const idOf = (index) => `key:${index.toString(36).padStart(12, '0')}`;

function bytesInUse() {
  for (let times = 0; times < 4; times++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  // Typed arrays stand in `external`, `arrayBuffers` included.
  return heapUsed + external;
}

async function touch(limiter) {
  for (let index = 0; index < BUCKETS; index++) await limiter.hit(limiter.subject(idOf(index)));
}

/** 60 requests in the last minute, some in each sixtieth of the day before, and five requests under way. */
async function occupy(limiter, held) {
  const subWindowMs = 86_400_000 / SUB_WINDOWS;
  for (let sub = 1; sub < SUB_WINDOWS; sub++) {
    await touch(limiter);
    clock.advance(subWindowMs);
  }
  for (let request = 0; request < 60; request++) {
    const hold = request < 55 ? undefined : held;
    for (let index = 0; index < BUCKETS; index++) await limiter.hit(limiter.subject(idOf(index)), hold);
    clock.advance(500);
  }
}

const figures = [];
for (let sample = 0; sample < SAMPLES; sample++) {
  const limiter = LIMITERS[limiterName](clock);
  // The handles of leases are the caller's, and counted too: without them nothing could be given back.
  const held = [];
  const before = bytesInUse();
  await (state === 'touched' ? touch(limiter) : occupy(limiter, held));
  figures.push((bytesInUse() - before) / BUCKETS);
  if (limiterName === 'keystile' && state === 'busy' && held.length !== 5 * BUCKETS) throw new Error(`${held.length} leases held`);
  // Used once more, so that it lives until here.
  await limiter.hit(limiter.subject(idOf(0)));
}
const bytes = spread(figures);
const rounded = (figure) => number(Math.round(figure));
const targets = limiterName === 'keystile' ? [judge(`bytes per bucket, ${state === 'touched' ? 'touched once' : 'fully busy'}`, bytes, '≤', state === 'touched' ? 250 : 800, '')] : [];
finish({
  figures: [{ limiter: limiterName, state: state === 'touched' ? 'touched once' : 'fully busy', buckets: number(BUCKETS), 'bytes per bucket': `${rounded(bytes.median)} (${rounded(bytes.min)} to ${rounded(bytes.max)})` }],
  targets,
});
