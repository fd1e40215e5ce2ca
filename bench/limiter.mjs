/** One consume of 60 a minute + 10,000 a day + 5 at once: `node bench/limiter.mjs <number of buckets>`. */
import { expressRateLimitStores, flexibleUnion, keystileLimiter, simulatedClock } from './limiters.mjs';
import { compare, counted, finish, judge, number, randomOf, ratios, show, spread } from './measure.mjs';

const count = Number(process.argv[2] ?? 1_000);
/** Mean requests per bucket and minute: a little more than 10,000 a day, so that few buckets get some refusals. */
const PER_BUCKET_AND_MINUTE = 8;

const clock = simulatedClock();
const stepMs = 60_000 / PER_BUCKET_AND_MINUTE / count;
const shares = new Map();

async function contestant(limiter, random) {
  const { name, subject, hit } = limiter;
  const subjects = Array.from({ length: count }, (_, index) => subject(`key:${index.toString(36).padStart(12, '0')}`));
  for (const each of subjects) await hit(each);
  const share = { asked: 0, admitted: 0 };
  shares.set(name, share);
  const note = (asked, admitted) => {
    share.asked += asked;
    share.admitted += admitted;
  };
  const run = name.startsWith('keystile')
    ? (chosen) => {
        let admitted = 0;
        for (const each of chosen) {
          clock.advance(stepMs);
          if (hit(each)) admitted++;
        }
        note(chosen.length, admitted);
      }
    : async (chosen) => {
        let admitted = 0;
        for (const each of chosen) {
          clock.advance(stepMs);
          if (await hit(each)) admitted++;
        }
        note(chosen.length, admitted);
      };
  return { name, batch: 1_000, prepare: (size) => Array.from({ length: size }, () => subjects[random(count)]), run };
}

// The same sequence of buckets for each of them.
const contestants = [];
for (const make of [keystileLimiter, expressRateLimitStores, flexibleUnion]) contestants.push(await contestant(make(clock), randomOf(11)));
const results = await compare(contestants);
const [own, stores, union] = contestants.map(({ name }) => results.get(name));

const figures = [...results].map(([limiter, { wall, cpu }]) => {
  const { asked, admitted } = shares.get(limiter);
  return {
    buckets: number(count),
    limiter,
    'ns per request': show(spread(wall), 0),
    'CPU ns': show(spread(cpu), 0),
    '÷ keystile': show(ratios(wall, own.wall)),
    'CPU ÷ keystile': show(ratios(cpu, own.cpu)),
    admitted: `${((100 * admitted) / asked).toFixed(0)} %`,
  };
});
const targets = [
  judge(`${counted(count, 'bucket')}: two express-rate-limit stores, times slower`, ratios(stores.wall, own.wall), '≥', 2.5, ' ×', ratios(stores.cpu, own.cpu)),
  judge(`${counted(count, 'bucket')}: rate-limiter-flexible union, times slower`, ratios(union.wall, own.wall), '≥', 5, ' ×', ratios(union.cpu, own.cpu)),
];
finish({ figures, targets });
