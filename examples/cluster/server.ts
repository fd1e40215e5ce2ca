/**
 * Two processes behind a round-robin: keys in PostgreSQL, limits in Redis. Both count in one budget, and a key that one of them
 * revokes the other refuses within milliseconds.
 *
 *     DATABASE_URL=postgres://… REDIS_URL=redis://… npm run example cluster
 *
 * Node's cluster hands each connection to the next process, as a load balancer does with machines. `POST /admin/keys/<id>/revoke` with
 * the printed token revokes; `GET /health` is for whoever decides where requests go.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import cluster from 'node:cluster';
import express, { type Request } from 'express';
import { Redis } from 'ioredis';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { apiKeyAuth, concurrent, createKeyring, perDay, perMinute, principalOf } from 'keystile';
import { adminRouter } from 'keystile/admin';
import { redisLimiter } from 'keystile/redis';
import { migrate, postgresNotices, sqlStore } from 'keystile/sql';

const PROCESSES = 2;
const GRACE_MS = 10_000;
const RESTART_MS = 1_000;
const port = Number(process.env['PORT'] ?? 3000);

/** A keyring over the two servers, and how to part from them: first keystile, then the clients, which are the host's. */
function connect() {
  const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10, keepAlive: true, connectionTimeoutMillis: 2_000 });
  // Without these two, pg ends the process when a connection breaks: the first is for idle ones, the second for those at work.
  pool.on('error', (error) => console.error('postgres:', error.message));
  pool.on('connect', (client) => client.on('error', () => undefined));
  const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', { enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 });
  redis.on('error', (error: Error) => console.error('redis:', error.message));
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) });
  const keyring = createKeyring({
    prefix: 'awx',
    scopes: { read: [], write: ['read'] },
    plans: { starter: [perMinute(10), perDay(10_000), concurrent(5)] },
    store: sqlStore(db, { pool }),
    limiter: redisLimiter(redis),
    cache: { invalidation: postgresNotices(pool) },
  });
  for (const state of ['degraded', 'recovered'] as const) keyring.on(state, ({ part }) => console.error(process.pid, part, state));
  const close = async (): Promise<void> => {
    await keyring.close();
    await db.destroy();
    redis.disconnect();
  };
  return { db, keyring, close };
}

/** The first process makes tables and a key, starts the others, and starts them again when they end. */
async function lead(): Promise<void> {
  const { db, keyring, close } = connect();
  await migrate(db);
  const { key, apiKey } = await keyring.create({ name: 'production-backend', scopes: ['read'], plan: 'starter' });
  await close();

  const token = randomBytes(24).toString('base64url');
  const start = () => cluster.fork({ ADMIN_TOKEN: token });
  let ending = false;
  cluster.on('exit', () => void (ending || setTimeout(start, RESTART_MS)));
  process.on('SIGTERM', () => {
    ending = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
  });
  let listening = 0;
  cluster.on('listening', () => {
    if (++listening === PROCESSES) console.log(`${String(PROCESSES)} processes listen on http://localhost:${String(port)}/v1/orders\nAPI key: ${key}\nIts id: ${apiKey.id}\nToken for /admin: ${token}`);
  });
  for (let count = 0; count < PROCESSES; count++) start();
}

/** Each of the others is a server like any other. */
function serve(): void {
  const { keyring, close } = connect();
  const token = Buffer.from(`Bearer ${process.env['ADMIN_TOKEN'] ?? ''}`);
  const isStaff = ({ headers: { authorization = '' } }: Request): boolean => {
    const sent = Buffer.from(authorization);
    return sent.length === token.length && timingSafeEqual(sent, token);
  };

  const app = express();
  app.use((_req, res, next) => {
    res.setHeader('X-Served-By', process.pid);
    next();
  });
  app.get('/health', async (_req, res) => {
    const health = await keyring.health();
    res.status(health.ok ? 200 : 503).json(health);
  });
  app.use('/admin', adminRouter(keyring, { authorize: (req: Request) => (isStaff(req) ? { actor: 'staff', tenants: 'all', may: ['admin'] } : undefined) }));
  const auth = apiKeyAuth(keyring);
  app.use('/v1', auth);
  app.get('/v1/orders', auth.requireScopes('read'), (req, res) => {
    res.json({ caller: principalOf(req).name, orders: [{ id: 1, item: 'pallet' }] });
  });
  app.post('/v1/orders', auth.requireScopes('write'), (_req, res) => {
    res.status(201).json({ created: true });
  });

  const server = app.listen(port);
  process.on('SIGTERM', () => {
    // Requests under way come to their end; new ones go to another process.
    server.close(() => void close().then(() => process.exit()));
    setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
  });
}

if (cluster.isPrimary) await lead();
else serve();
