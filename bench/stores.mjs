/** Verifying keys that are in the cache, whatever store is behind it: `node bench/stores.mjs`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { redisInvalidation, redisStore } from '../dist/esm/redis/index.js';
import { sqliteStore } from '../dist/esm/sql/index.js';
import { keystile } from './contestants.mjs';
import { compare, finish, judge, ratios, show, spread } from './measure.mjs';
import { startServer } from './redis-server.mjs';

const KEYS = 1_000;
const folder = mkdtempSync(join(tmpdir(), 'keystile-stores-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const client = new Redis(await startServer(), { lazyConnect: true });
await client.connect();

/** Longer than the run: what is measured are keys in the cache. */
const cache = { ttlMs: 3_600_000 };
const MEMORY = 'in memory';
const STORES = {
  [MEMORY]: { cache },
  'sqliteStore': { store: sqliteStore(join(folder, 'keys.db')), cache },
  'redisStore': { store: redisStore(client), cache },
  'redisStore and redisInvalidation': { store: redisStore(client, { prefix: 'told:' }), cache: { ...cache, invalidation: redisInvalidation(client) } },
};
const contestants = [];
for (const [name, options] of Object.entries(STORES)) contestants.push(await keystile(KEYS, name, options));
const results = await compare(contestants);
const memory = results.get(MEMORY);
finish({
  figures: [...results].map(([store, { wall, cpu }]) => ({ store, 'ns per key': show(spread(wall), 0), 'CPU ns': show(spread(cpu), 0), '÷ in memory': show(ratios(wall, memory.wall)), 'CPU ÷ in memory': show(ratios(cpu, memory.cpu)) })),
  targets: [...results].slice(1).map(([store, { wall, cpu }]) => judge(`verification from the cache: ${store} ÷ in memory`, ratios(wall, memory.wall), '≤', 1.1, ' ×', ratios(cpu, memory.cpu))),
});
