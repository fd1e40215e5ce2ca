/**
 * Bytes per bucket after garbage collection: `node --expose-gc bench/bytes.mjs <limiter> <touched | busy>`. Ids are made for
 * each use and dropped, so that only what the limiter keeps is counted. One process for
 * each figure.
 */
import { LIMITERS, simulatedClock } from './limiters.mjs';
import { finish, judge, number, QUICK, show, spread } from './measure.mjs';

const [limiterName = 'keystile', state = 'touched'] = process.argv.slice(2);
const BUCKETS = (state === 'touched' ? 200_000 : 20_000) / (QUICK ? 10 : 1);
/** Memory does not waver as time does: fewer samples than elsewhere. */
const SAMPLES = QUICK ? 1 : 3;
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

const withHandles = [];
const alone = [];
for (let sample = 0; sample < SAMPLES; sample++) {
  const limiter = LIMITERS[limiterName](clock);
  const held = [];
  const before = bytesInUse();
  await (state === 'touched' ? touch(limiter) : occupy(limiter, held));
  withHandles.push((bytesInUse() - before) / BUCKETS);
  if (limiterName === 'keystile' && state === 'busy' && held.length !== 5 * BUCKETS) throw new Error(`${held.length} leases held`);
  // The leases stay counted; what goes are the handles by which their callers would give them back.
  held.length = 0;
  alone.push((bytesInUse() - before) / BUCKETS);
  // Used once more, so that it lives until here.
  await limiter.hit(limiter.subject(idOf(0)));
}
const stateName = state === 'touched' ? 'touched once' : 'fully busy';
const targets = limiterName !== 'keystile' ? [] : [judge(`bytes per bucket, ${stateName}`, spread(alone), '≤', state === 'touched' ? 250 : 800, '')];
if (limiterName === 'keystile' && state === 'busy') targets.push(judge("the same with the callers' five lease handles", spread(withHandles), '≤', 800, ''));
finish({
  figures: [{ limiter: limiterName, state: stateName, buckets: number(BUCKETS), 'bytes per bucket': show(spread(alone), 0), 'with lease handles': show(spread(withHandles), 0) }],
  targets,
});
