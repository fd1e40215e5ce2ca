/** A Redis for the benchmark, started by it (`REDIS_URL` names another, which is emptied), and clients as hosts have them. */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { createClient } from 'redis';

export async function startServer() {
  if (process.env['REDIS_URL'] !== undefined) return process.env['REDIS_URL'];
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  const child = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], { stdio: ['ignore', 'pipe', 'ignore'] });
  process.once('exit', () => child.kill('SIGKILL'));
  for await (const line of child.stdout) if (String(line).includes('Ready to accept')) break;
  return `redis://127.0.0.1:${port}`;
}

/** Both clients, connected; nothing is kept for later, as docs/redis.md says. */
export async function connectAll(url) {
  const clients = { ioredis: new Redis(url, { enableOfflineQueue: false, lazyConnect: true }), 'node-redis': createClient({ url, disableOfflineQueue: true }) };
  for (const client of Object.values(clients)) await client.connect();
  return clients;
}

/** The same server, so many milliseconds away, there and back. */
export async function awayBy(url, delayMs) {
  const child = fork(fileURLToPath(new URL('delay-proxy.mjs', import.meta.url)), [new URL(url).port, String(delayMs)]);
  process.once('exit', () => child.kill('SIGKILL'));
  const [port] = await once(child, 'message');
  return { url: `redis://127.0.0.1:${port}`, stop: () => child.disconnect() };
}

/** What the server has done since `reset`, by its own account: calls of commands that came over the wire, and the time they took. */
export function meter(admin) {
  let processor = 0;
  const cpu = async () => [...(await admin.info('cpu')).matchAll(/used_cpu_(?:sys|user):([\d.]+)/g)].reduce((sum, [, seconds]) => sum + Number(seconds) * 1e6, 0);
  return {
    async reset() {
      await admin.config('RESETSTAT');
      processor = await cpu();
    },
    async read() {
      const all = (await cpu()) - processor;
      const of = Object.fromEntries([...(await admin.info('commandstats')).matchAll(/cmdstat_(\S+?):calls=(\d+),usec=(\d+)/g)].map(([, name, calls, usec]) => [name, { calls: Number(calls), usec: Number(usec) }]));
      // A script's time contains that of the commands it calls. ZREM, by which a lease goes back, comes by itself in what is measured.
      const [evalsha, plain, zrem] = ['evalsha', 'eval', 'zrem'].map((name) => of[name] ?? { calls: 0, usec: 0 });
      return { scripts: evalsha.calls + plain.calls, micros: evalsha.usec + plain.usec + zrem.usec, processor: all };
    },
  };
}
