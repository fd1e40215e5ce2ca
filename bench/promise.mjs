/**
 * Admitted ÷ limit under adversarial traffic. A naive log of every admitted request judges the worst window of the stated
 * length, wherever it begins.
 */
import { LIMITERS, simulatedClock } from './limiters.mjs';
import { finish, judge, QUICK, randomOf, spread } from './measure.mjs';

const clock = simulatedClock();
const MINUTE = 60_000;
const DAY = 86_400_000;

/** Times, from zero, at which requests come. */
const repeat = (count, make) => Array.from({ length: Math.round(count) }, (_, index) => make(index));

/** Opens a window, fills it just before its end, and comes back in full force just after. */
function acrossTheBorder(windowMs, limit, early, late) {
  return [0, ...repeat(limit, () => windowMs - early), ...repeat(limit, () => windowMs + late), ...repeat(limit, () => 2 * windowMs - early)];
}

/** Bursts of any size at any time, for six windows. */
function randomBursts(windowMs, limit, random) {
  const times = repeat(12, () => random(6 * windowMs)).sort((a, b) => a - b);
  return times.flatMap((time) => repeat(1 + random(limit), () => time + random(windowMs / 50))).sort((a, b) => a - b);
}

function traces(windowMs, limit) {
  const random = randomOf(23);
  const borders = [1, windowMs / 240, windowMs / 61, windowMs / 60, windowMs / 7].map(Math.floor);
  return [
    ...borders.flatMap((early) => borders.map((late) => acrossTheBorder(windowMs, limit, early, late))),
    ...repeat(QUICK ? 5 : 50, () => randomBursts(windowMs, limit, random)),
  ];
}

/** The most requests admitted in any window: (t - windowMs, t] for the time t of each admitted request. */
function worstWindow(admitted, windowMs) {
  let worst = 0;
  let first = 0;
  for (let last = 0; last < admitted.length; last++) {
    while (admitted[first] <= admitted[last] - windowMs) first++;
    worst = Math.max(worst, last - first + 1);
  }
  return worst;
}

async function admittedOf(make, settings, times) {
  const { subject, hit } = make(clock, settings);
  const someone = subject('key:adversary');
  const start = clock.now();
  const admitted = [];
  for (const time of times) {
    clock.advance(start + time - clock.now());
    if (await hit(someone)) admitted.push(time);
  }
  return admitted;
}

const SATURATED_WINDOWS = QUICK ? 30 : 122;

/** A client that asks a fifth more than it may, evenly and without a pause: the share of its limit that it gets after the first window. */
async function saturated(make, settings, windowMs, limit) {
  const every = repeat(1.2 * limit * SATURATED_WINDOWS, (index) => Math.floor((index * windowMs) / (1.2 * limit)));
  const admitted = await admittedOf(make, settings, every);
  return admitted.filter((time) => time >= windowMs).length / ((SATURATED_WINDOWS - 1) * limit);
}

const WINDOWS = [
  { rule: '60 per minute', windowMs: MINUTE, limit: 60, settings: { perDayLimit: 1_000_000 } },
  { rule: '1,000 per minute', windowMs: MINUTE, limit: 1_000, settings: { perMinuteLimit: 1_000, perDayLimit: 1_000_000 } },
  { rule: '10,000 per day', windowMs: DAY, limit: 10_000, settings: { perMinuteLimit: 1_000_000 } },
];

const figures = [];
const targets = [];
for (const { rule, windowMs, limit, settings } of WINDOWS) {
  for (const [name, make] of Object.entries(LIMITERS)) {
    let worst = 0;
    for (const times of traces(windowMs, limit)) worst = Math.max(worst, worstWindow(await admittedOf(make, settings, times), windowMs));
    const share = await saturated(make, settings, windowMs, limit);
    figures.push({ rule, limiter: name, 'worst window': worst, 'admitted ÷ limit': (worst / limit).toFixed(2), 'a client that never pauses gets': `${(100 * share).toFixed(1)} %` });
    if (name === 'keystile') targets.push(judge(`${rule}: admitted ÷ limit`, spread([worst / limit]), '≤', 1, ''));
  }
}
finish({ figures, targets });
