/** The parts of the benchmark, in the order in which they run and are shown. Each entry of `runs` is a process of its own. */
import { HOSTS } from './hosts.mjs';

const LIMITERS = ['keystile', 'express-rate-limit', 'rate-limiter-flexible'];

export const PARTS = [
  {
    name: 'verify',
    title: 'Verifying a valid key',
    about:
      'In process, every key text made anew from bytes outside the measured time. The floor cuts the key, looks in a Map, takes a one-shot SHA-256, compares in constant time and looks at the expiry, synchronously; keystile is awaited. passport-headerapikey runs as its README says, inside `passport.authenticate`; its strategy alone is shown for information, and so are an async floor and keystile without its cache. better-auth runs in a process of its own (its AsyncLocalStorage slows every promise beside it), with a Map as secondary storage, its quickest, and without rate limiting.',
    runs: ['1', '1000', '100000'].map((count) => [count]),
  },
  {
    name: 'refusals',
    title: 'Refusing a key',
    about: 'Beside the floor that accepts a valid one. Calls of the store are counted.',
    runs: [['1000'], ['100000']],
  },
  {
    name: 'usage',
    title: 'Counting a request, and writing it down',
    about: 'The same verification, with address, method and path, in keyrings with and without `usage: memoryUsage()` and `activity: memoryActivity()`, in turn; keys at random. What is written every five seconds is part of it: the rarer a key is used, the more of its requests are the first of a minute, which has to be written down.',
    runs: [['1000'], ['100000']],
  },
  {
    name: 'limiter',
    title: 'One request against the limits',
    about:
      '60 per minute + 10,000 per day, and for keystile 5 at once (taken and given back); the others neither cap concurrency nor keep the promise below. All read one clock, which moves so that each bucket gets 8 requests a minute, in random order.',
    runs: ['1', '1000', '100000', '1000000'].map((count) => [count]),
    flags: ['--max-old-space-size=8192'],
  },
  {
    name: 'promise',
    title: 'What is admitted under adversarial traffic',
    about: 'Bursts on both sides of every border and at random, judged by a log of every admitted request; then a client that asks a fifth more than it may, evenly.',
    runs: [[]],
  },
  {
    name: 'bytes',
    title: 'Memory per bucket',
    about: 'After garbage collection. Fully busy: 60 requests in the last minute, some in each sixtieth of the day, five leases held.',
    runs: LIMITERS.flatMap((limiter) => [[limiter, 'touched'], [limiter, 'busy']]),
    flags: ['--expose-gc'],
  },
  {
    name: 'middleware',
    title: 'The whole middleware, without sockets',
    about:
      'What a stack adds to a bare request on requests and responses made by hand, sent through the host. keystile: rules for ip, endpoint and scope, two windows, concurrency, headers, for 1,000 keys of one plan whose limits are never reached. express-rate-limit alone counts by address; the passport stack is passport-headerapikey with a SHA-256 Map and two express-rate-limits by user.',
    runs: ['node:http', 'Express 5', 'Express 4'].map((host) => [host]),
  },
  {
    name: 'requests',
    title: 'Requests per second',
    about: 'autocannon, 50 connections, in one process; the server in another, asked in turn. The same stacks. A server that is not busy waits for autocannon, and its share of bare says less than its CPU time.',
    runs: HOSTS.map((host) => [host]),
  },
  {
    name: 'redis',
    title: 'Limits counted in Redis',
    about:
      'One Redis on the same machine, 1,000 tenants in turn, limits that are never reached; every request is checked while it is timed. The peers count the same two windows, a day and a minute, in two scripts: two rate-limit-redis stores one after the other, as two middlewares ask them; the union of rate-limiter-flexible both at once. keystile sends what comes in one turn of the event loop together, so that under load a request takes less than one call; its lease goes back as it does when a response closes, by a call that nobody waits for, and is counted in what a request costs. "Server µs in commands" is from INFO commandstats, "server CPU µs" the whole server process: reading and answering too.',
    runs: [[]],
  },
  {
    name: 'redis-latency',
    title: 'What a request waits for Redis',
    about:
      'Through a proxy that holds every byte back for half of the given time in either direction. A request is a key verified from the cache and counted under four limits; a PING goes the same way, in turn.',
    runs: ['0', '1', '5'].map((ms) => [ms]),
  },
  {
    name: 'stores',
    title: 'Verifying from the cache, by what is behind it',
    about: '1,000 keys; last uses are noted and written as ever.',
    runs: [[]],
  },
  {
    name: 'cold',
    title: 'Verifying keys that are in no cache, among one million',
    about:
      'Every tenth of a million keys in turn, so that none comes back soon, beside a bare prepared `select *` by primary key through the same driver: libsql, and pg over loopback to a PostgreSQL on the same machine. Heap after that many different keys shows that it is the cache setting that bounds it.',
    runs: [['sqlite'], ['postgres']],
    flags: ['--expose-gc'],
  },
];
