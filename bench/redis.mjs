/** Limits counted in Redis, over ioredis and node-redis, 1 and 50 requests in flight: `node bench/redis.mjs`. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { contestantsOn, hot, keystileOn, OWN, OWN_ALL, PEERS, spent } from './redis-contestants.mjs';
import { finish, judge, number, QUICK, ratios, ROUNDS, show, spread } from './measure.mjs';
import { connectAll, meter, startServer } from './redis-server.mjs';
import { perSecond } from '../dist/esm/index.js';

const TURN_MS = QUICK ? 50 : 150;
/** Turns of each contestant within a round. */
const TURNS = QUICK ? 1 : 3;
const HOT_LIMIT = 20_000;

const url = await startServer();
const admin = new Redis(url);
const server = meter(admin);
const clients = await connectAll(url);

/** Groups of what is compared with each other. */
const groups = [];
for (const [client, connection] of Object.entries(clients)) {
  const contestants = await contestantsOn(connection);
  for (const inFlight of [1, 50]) groups.push({ client, inFlight, contestants });
  const denied = { 'over its limit, no deny cache': keystileOn(connection, spent, { denyCache: false }), 'over its limit, deny cache': keystileOn(connection, spent) };
  const busy = { 'hot tenant, no local lease': keystileOn(connection, () => hot()), 'hot tenant, local lease': keystileOn(connection, () => hot(), { localLease: { share: 0.1 } }) };
  for (const inFlight of [1, 50]) groups.push({ client, inFlight, contestants: busy }, { client, inFlight, contestants: denied });
  await denied['over its limit, deny cache'].limiter.consume(spent(), 100);
}

const results = new Map();
const resultOf = (client, inFlight, name) => results.get(`${client} ${inFlight} ${name}`);
// A first round, by the end of which all is compiled and the server has every script, is not counted.
for (let round = -1; round < ROUNDS; round++) {
  for (const { client, inFlight, contestants } of groups) {
    const names = Object.keys(contestants);
    const shift = Math.max(0, round) % names.length;
    const taken = new Map(names.map((name) => [name, []]));
    for (let turn = 0; turn < TURNS; turn++) {
      for (const name of [...names.slice(shift), ...names.slice(0, shift)]) taken.get(name).push(await measure(contestants[name], inFlight, !name.startsWith('over')));
    }
    if (round < 0) continue;
    for (const name of names) {
      const sum = (what) => taken.get(name).reduce((total, one) => total + one[what], 0);
      const result = resultOf(client, inFlight, name) ?? { perSecond: [], cpu: [], micros: [], processor: [], scripts: [] };
      result.perSecond.push((1_000 * sum('done')) / sum('ms'));
      for (const what of ['cpu', 'micros', 'processor', 'scripts']) result[what].push(sum(what) / sum('done'));
      results.set(`${client} ${inFlight} ${name}`, result);
    }
  }
}

async function measure({ hit }, inFlight, isAdmitted) {
  await server.reset();
  const before = process.cpuUsage();
  const began = performance.now();
  let done = 0;
  let isOver = false;
  const worker = async (offset) => {
    for (let turn = offset; !isOver; turn += 7) {
      if ((await hit(turn)) !== isAdmitted) throw new Error(`a request was ${isAdmitted ? 'refused' : 'admitted'}`);
      // A look at the clock takes as long as some of what is measured.
      if (++done % 8 === 0) isOver = performance.now() - began >= TURN_MS;
      // What is answered at once would keep the process from hearing its own sockets.
      if (done % 100 === 0) await nextTurn();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => worker(index * 131)));
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  return { done, ms, cpu: user + system, ...(await server.read()) };
}

/** The most admissions that certainly fell into one second: asked for after it began, answered before it ended. */
async function mostInASecond(client) {
  const { hit } = keystileOn(client, () => hot(HOT_LIMIT, perSecond), { prefix: 'bound:', localLease: { share: 0.2 } });
  const events = [];
  const end = performance.now() + (QUICK ? 1_500 : 4_000);
  await Promise.all(Array.from({ length: 50 }, async () => {
    for (let turn = 1; performance.now() < end; turn++) {
      const sentAt = performance.now();
      if (await hit(0)) events.push([sentAt, performance.now()]);
      if (turn % 100 === 0) await nextTurn();
    }
  }));
  events.sort(([one], [other]) => one - other);
  let most = 0;
  for (let first = 0; first < events.length; first += 200) {
    const begin = events[first][0];
    most = Math.max(most, events.filter(([sentAt, knownAt]) => sentAt >= begin && knownAt < begin + 999).length);
  }
  return most;
}

const figures = [...results].map(([name, { perSecond: rate, cpu, micros, processor, scripts }]) => {
  const [client, inFlight] = name.split(' ', 2);
  return {
    client,
    'in flight': inFlight,
    limits: name.slice(client.length + inFlight.length + 2),
    'per second': show(spread(rate), 0),
    'process CPU µs': show(spread(cpu), 1),
    'server µs in commands': show(spread(micros), 1),
    'server CPU µs': show(spread(processor), 1),
    'script calls per request': number(Number(spread(scripts).median.toFixed(3))),
  };
});
const targets = [];
for (const client of Object.keys(clients)) {
  const of = (name, inFlight = 50) => resultOf(client, inFlight, name);
  const faster = (own, peer, bound, inFlight = 50) => {
    const [one, other] = [of(own, inFlight), of(peer, inFlight)];
    targets.push(judge(`${client}, ${inFlight} in flight: ${own} ÷ ${peer}, per second`, ratios(one.perSecond, other.perSecond), '≥', bound, ' ×', ratios(other.cpu, one.cpu)));
  };
  for (const inFlight of [1, 50]) for (const name of [OWN, OWN_ALL]) targets.push(judge(`${client}, ${inFlight} in flight: ${name}: round trips`, spread(of(name, inFlight).scripts), '≤', 1, ''));
  for (const peer of PEERS) faster(OWN, peer, 1.4);
  for (const peer of PEERS) faster(OWN_ALL, peer, 1);
  for (const inFlight of [1, 50]) {
    faster('hot tenant, local lease', 'hot tenant, no local lease', 10, inFlight);
    faster('over its limit, deny cache', 'over its limit, no deny cache', 20, inFlight);
  }
  targets.push(judge(`${client}: hot tenant, local lease: most in a second ÷ limit`, spread([(await mostInASecond(clients[client])) / HOT_LIMIT]), '≤', 1, ''));
}
finish({ figures, targets });
