/** What a request waits for a Redis that is some milliseconds away, beside a bare PING over the same way: `node bench/redis-latency.mjs <ms>`. */
import { createKeyring, concurrent, memoryStore, perDay, perMinute } from '../dist/esm/index.js';
import { redisLimiter } from '../dist/esm/redis/index.js';
import { finish, judge, QUICK, ratios, ROUNDS, show, spread } from './measure.mjs';
import { awayBy, connectAll, startServer } from './redis-server.mjs';

const awayMs = Number(process.argv[2] ?? 0);
const REQUESTS = QUICK ? 50 : awayMs >= 5 ? 400 : 1_000;
/** So many at a time before anything is measured, by the end of which all is compiled. */
const [WARMING, AT_ONCE] = [QUICK ? 500 : 10_000, 20];
const KEYS = 100;
const MANY = 1_000_000_000;

const proxy = await awayBy(await startServer(), awayMs);
const clients = await connectAll(proxy.url);

/** A valid key is verified from the cache and counted under four limits, then its place is given back. */
async function requestsOn(client) {
  const limits = { default: [perMinute(MANY), perDay(MANY), concurrent(1_000), perMinute(MANY, { per: 'tenant' })] };
  // Longer than any trip takes: what is late shall be measured, not cut off.
  const keyring = createKeyring({ prefix: 'awx', store: memoryStore(), limits, limiter: redisLimiter(client, { staleMs: 60_000 }), onLimiterError: 'closed', deadlines: { limiterMs: 5_000 } });
  const keys = [];
  for (let index = 0; index < KEYS; index++) keys.push((await keyring.create({ name: `key ${index}`, tenantId: `t${index % 10}` })).key);
  return async (turn) => {
    const began = performance.now();
    const answer = await keyring.verify(keys[turn % KEYS]);
    const ms = performance.now() - began;
    if (!answer.ok) throw new Error(`a key was refused: ${answer.code}`);
    answer.release();
    return ms;
  };
}

async function ping(client) {
  const began = performance.now();
  if ((await (client.call === undefined ? client.sendCommand(['PING']) : client.call('PING'))) !== 'PONG') throw new Error('no PONG');
  return performance.now() - began;
}

const at = (taken, share) => taken.sort((a, b) => a - b)[Math.floor(taken.length * share)];
const figures = [];
const targets = [];
for (const [name, client] of Object.entries(clients)) {
  const request = await requestsOn(client);
  const contestants = { 'bare PING': () => ping(client), 'a request, four limits': request };
  const results = Object.fromEntries(Object.keys(contestants).map((what) => [what, { p50: [], p99: [] }]));
  await Promise.all(Array.from({ length: AT_ONCE }, async (_, worker) => {
    for (let turn = worker; turn < WARMING; turn += AT_ONCE) for (const once of Object.values(contestants)) await once(turn);
  }));
  for (let round = -1; round < ROUNDS; round++) {
    const taken = Object.fromEntries(Object.keys(contestants).map((what) => [what, []]));
    // One after the other, so that what slows the machine meets both.
    for (let turn = 0; turn < REQUESTS; turn++) for (const [what, once] of Object.entries(contestants)) taken[what].push(await once(turn));
    if (round < 0) continue;
    for (const [what, list] of Object.entries(taken)) {
      results[what].p50.push(at(list, 0.5));
      results[what].p99.push(at(list, 0.99));
    }
  }
  const bare = results['bare PING'];
  for (const [what, { p50, p99 }] of Object.entries(results)) {
    figures.push({ client: name, 'ms to Redis and back': awayMs, what, 'median ms': show(spread(p50), 3), 'p99 ms': show(spread(p99), 3), 'median ÷ PING': show(ratios(p50, bare.p50)), 'p99 ÷ PING': show(ratios(p99, bare.p99)) });
  }
  targets.push(judge(`${name}, Redis ${awayMs} ms away: latency added to a request at p99 ÷ one round trip`, ratios(results['a request, four limits'].p99, bare.p99), '≤', 1.2, ' ×'));
}
proxy.stop();
finish({ figures, targets });
