/** The same limits counted in Redis: by keystile, by two rate-limit-redis stores in a row, by rate-limiter-flexible's union. */
import { RateLimiterRedis, RateLimiterUnion } from 'rate-limiter-flexible';
import { RedisStore } from 'rate-limit-redis';
import { concurrent, perDay, perMinute } from '../dist/esm/index.js';
import { redisLimiter } from '../dist/esm/redis/index.js';

/** No limit is reached: admitting is what is compared. */
const MANY = 1_000_000_000;
const [MINUTE, DAY] = [60_000, 86_400_000];
export const TENANTS = 1_000;

/** Frozen, as the core keeps them with each key. */
const bucket = (id, tenant, ...rules) => Object.freeze({ id, group: `t:${tenant}`, rules, whenFull: 'refuse' });
const windows = (tenant) => [bucket(`key:${tenant}`, tenant, perMinute(MANY), perDay(MANY))];
const allRules = (tenant) => [bucket(`key:${tenant}`, tenant, perMinute(MANY), perDay(MANY), concurrent(1_000)), bucket(`tenant:${tenant}`, tenant, perMinute(MANY, { per: 'tenant' }))];
export const hot = (limit = MANY, windowRule = perMinute) => [bucket('tenant:hot', 'hot', windowRule(limit, { per: 'tenant' }))];
export const spent = () => [bucket('key:spent', 'spent', perDay(100))];

function stop(error) {
  throw error;
}

/** A limiter of keystile's; the lease goes back as it does when a response closes: nobody waits for it. */
export function keystileOn(client, bucketsOf, options = {}) {
  const limiter = redisLimiter(client, options);
  const lists = Array.from({ length: bucketsOf.length === 0 ? 1 : TENANTS }, (_, tenant) => Object.freeze(bucketsOf(tenant)));
  const isAdmitted = (answer) => {
    if (answer.outcome === 'admitted' && answer.lease !== undefined) limiter.release(answer.lease).catch(stop);
    return answer.outcome === 'admitted';
  };
  return {
    limiter,
    lists,
    // As the core asks: what is answered at once is not waited for.
    hit(turn) {
      const answer = limiter.consume(lists[turn % lists.length], 1);
      return answer instanceof Promise ? answer.then(isAdmitted) : isAdmitted(answer);
    },
  };
}

const send = (client) => (client.call === undefined ? (...words) => client.sendCommand(words) : (word, ...words) => client.call(word, ...words));

/** As two middlewares of express-rate-limit ask them, one after the other. */
async function rateLimitRedis(client) {
  const stores = [];
  for (const [prefix, windowMs] of [['minute:', MINUTE], ['day:', DAY]]) {
    const store = new RedisStore({ prefix, sendCommand: send(client) });
    await store.init({ windowMs });
    stores.push(store);
  }
  return {
    async hit(turn) {
      const key = `key:${turn % TENANTS}`;
      for (const store of stores) if ((await store.increment(key)).totalHits > MANY) return false;
      return true;
    },
  };
}

function flexibleUnion(client) {
  const limiter = (keyPrefix, windowMs) => new RateLimiterRedis({ storeClient: client, useRedisPackage: client.call === undefined, keyPrefix, points: MANY, duration: windowMs / 1_000 });
  const union = new RateLimiterUnion(limiter('minute', MINUTE), limiter('day', DAY));
  return { hit: (turn) => union.consume(`key:${turn % TENANTS}`).then(() => true) };
}

export const OWN = 'keystile, two windows';
export const OWN_ALL = 'keystile, two windows, tenant, concurrency';
export const PEERS = ['2 × rate-limit-redis', 'rate-limiter-flexible union'];

export async function contestantsOn(client) {
  return {
    [OWN]: keystileOn(client, windows),
    [OWN_ALL]: keystileOn(client, allRules),
    [PEERS[0]]: await rateLimitRedis(client),
    [PEERS[1]]: flexibleUnion(client),
  };
}
