/**
 * Starts every example on a port of its own, calls it as a client would, and runs the examples' own tests. All servers
 * offer the same: `GET /v1/orders` for the scope read, `POST /v1/orders` for write, ten requests a minute.
 *
 * Names pick some: `node scripts/run-examples.mjs cors connect`.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tsImport } from 'tsx/esm/api';
import { WebSocket } from 'ws';

const root = fileURLToPath(new URL('..', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'keystile-examples-'));
const KEYS_FILE = join(temporary, 'keys.json');
const KEYS_DB = join(temporary, 'keys.db');
const KEY = /\bawx_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{33}\b/;
const START_WITHIN_MS = 30_000;

/** Programs, with what is checked beyond the common calls, headers that every call sends, and servers that they need. */
const SERVERS = [
  { name: 'quick-start', also: dashboardOpens },
  { name: 'quick-start', env: { KEYS_DB }, also: keysSurvive },
  { name: 'express4', also: ownBodies },
  { name: 'connect' },
  { name: 'node-http' },
  { name: 'cors', headers: { Origin: 'https://app.example.com' }, also: crossOrigin },
  { name: 'commonjs', needsBuild: true },
  { name: 'custom-store', env: { KEYS_FILE }, also: keysSurvive },
  { name: 'cluster', services: databases, also: onePlace },
];
/** Whole products, each started by its name and asked for its main promises; `test/products` has the rest. */
const PRODUCTS = [
  {
    name: 'agg-market',
    async tour({ origin, facts }) {
      const [headers, shop] = [as(facts.adminToken), `${origin}/admin/apps/shop`];
      const { key } = (await send(`${shop}/keys`, { headers, body: { name: 'backend', scope: 'read_write' } })).body;
      assert.match(key, /^agg_shop_[0-9a-f]{64}$/);
      const markets = (app, own = {}) => call(`${origin}/markets`, { headers: { 'x-app-id': app, ...own } });
      for (const [app, status] of [['shop', 200], ['other', 403]]) assert.equal((await markets(app, { 'x-app-api-key': key })).status, status);
      assert.ok((await call(`${shop}/keys`, { headers })).body.keys[0].lastUsedAt);
      const lock = (who) => call(`${shop}/settings`, { method: 'PATCH', headers: { 'Content-Type': 'application/json', ...who }, body: '{"requireApiKey":true}' });
      assert.deepEqual([(await lock({ 'x-app-api-key': key })).status, (await markets('shop')).status], [403, 200]);
      assert.equal((await lock(headers)).status, 200);
      assert.deepEqual([(await markets('shop')).body.error, (await markets('shop', { 'x-app-api-key': key })).status], ['This app requires x-app-api-key for all requests.', 200]);
    },
  },
  {
    name: 'agentwallex',
    async tour({ origin, facts }) {
      const [url, headers] = [`${origin}/api/v1/api-keys`, as(facts.tokens.starter)];
      const { id, key } = (await send(url, { headers, body: { name: 'production-backend' } })).body;
      const [listed] = (await call(url, { headers })).body.data;
      assert.deepEqual([Object.keys(listed), listed.id, listed.prefix], [['id', 'name', 'prefix', 'created_at', 'last_used_at'], id, `awx_...${key.slice(-4)}`]);
      const slow = await Promise.all(Array.from({ length: 6 }, () => call(`${origin}/api/v1/slow?ms=1000`, { key })));
      const [limited, ...others] = slow.filter(({ status }) => status === 429);
      assert.deepEqual([others.length, limited.headers.get('retry-after')], [0, '1']);
      assert.deepEqual(limited.body, { code: 'rate_limit_exceeded', type: 'rate_limit_error', message: 'Rate limit exceeded. Retry after 1 seconds.' });
      assert.deepEqual((await call(`${url}/stale`, { headers })).body, { data: [] });
      assert.equal((await call(`${url}/${id}`, { method: 'DELETE', headers })).status, 204);
      assert.equal((await call(`${origin}/api/v1/wallets`, { key })).status, 401);
    },
  },
  {
    name: 'agiled',
    async tour({ origin, facts }) {
      const admin = `${origin}/admin/keys`;
      const made = (await send(admin, { headers: as(facts.adminToken), body: { name: 'Warehouse sync - production - Ops', access: 'full-access', owner: { type: 'org', id: 'Ops' } } })).body;
      const write = (token) => send(`${origin}/public/v1/contacts`, { headers: { ...as(token), 'Idempotency-Key': 'batch-1' }, body: { email: 'ann@example.com', name: 'Ann' } });
      const first = await write(made.key);
      assert.deepEqual([first.status, first.body.source.keyId, first.body.owner.id], [201, made.id, 'Ops']);
      const next = (await send(`${admin}/${made.id}/rotate`, { headers: as(facts.adminToken), body: { gracePeriodSeconds: 0 } })).body;
      assert.equal((await write(made.key)).status, 401);
      assert.deepEqual((await write(next.key)).body, first.body);
      assert.equal((await write(facts.keys.readOnly)).status, 403);
      const { data } = (await call(`${admin}/${next.id}/activity`, { headers: as(facts.adminToken) })).body;
      assert.deepEqual(data.map(({ action }) => action), ['request', 'rotated']);
    },
  },
  {
    name: 'agglestone',
    async tour({ origin, facts }) {
      const tenant = `${origin}/tenant/${facts.tenantId}`;
      const regenerate = async (slot) => (await call(`${tenant}/api-keys/${slot}`, { method: 'POST', headers: as(facts.adminToken) })).body.key;
      const [primary, secondary] = [await regenerate('primary'), await regenerate('secondary')];
      const { token } = (await send(`${tenant}/v2.0/Auth/token-exchange`, { headers: { 'X-API-Key': primary }, body: { userId: facts.userIds[0] } })).body;
      const me = () => call(`${tenant}/api/v2.0/Users/me`, { headers: as(token) });
      assert.equal((await me()).body.id, facts.userIds[0]);
      assert.equal((await call(`${tenant}/api/v2.0/Users`, { key: primary, headers: { Origin: 'https://app.example' } })).status, 403);
      await regenerate('primary');
      assert.deepEqual([(await call(`${tenant}/api/v2.0/Users`, { key: primary })).status, (await me()).status], [401, 401]);
      assert.equal((await call(`${tenant}/api/v2.0/Users`, { key: secondary })).status, 200);
    },
  },
  {
    name: 'agnost',
    async tour({ origin, facts }) {
      const [url, headers] = [`${origin}${facts.keys}`, as(facts.adminToken)];
      const form = { name: 'web', allowRealtime: true, endpointAccess: 'custom-allowed', endpoints: ['GET /orders'], authorizedIPs: ['203.0.113.0/24'] };
      const { id, key } = (await send(url, { headers, body: form })).body;
      const from = { 'X-Forwarded-For': '203.0.113.9' };
      for (const [path, seen, status] of [['orders', from, 200], ['customers', from, 403], ['orders', {}, 403]]) assert.equal((await call(`${origin}/endpoint/${path}`, { key, headers: seen })).status, status);
      const socket = new WebSocket(`${origin.replace('http', 'ws')}${facts.realtime}?apiKey=${key}`, { headers: from });
      await once(socket, 'open');
      const ask = async (request) => {
        const answer = once(socket, 'message');
        socket.send(JSON.stringify(request));
        return JSON.parse((await answer)[0]);
      };
      assert.deepEqual(await ask({ subscribe: 'news' }), { subscribed: 'news' });
      assert.deepEqual(await ask({ channel: 'news', message: 7 }), { channel: 'news', message: 7 });
      const [closed, changed] = await Promise.all([once(socket, 'close'), call(`${url}/${id}`, { method: 'PATCH', headers: { ...headers, 'Content-Type': 'application/json' }, body: '{"allowRealtime":false}' })]);
      assert.deepEqual([changed.status, closed[0], String(closed[1])], [200, 1008, 'realtime_not_allowed']);
    },
  },
];
const TESTS = ['custom-store', 'testing-your-app'];

/** A free port. Somebody could take it before the example does; then the example fails and says so. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs `use` against an example, started by its name. What it printed is shown when something goes wrong. */
async function withServer({ name, env, isReady = (output, origin) => output.includes(origin) }, use) {
  const port = await freePort();
  const child = spawn(process.execPath, ['scripts/example.mjs', name], { cwd: root, env: { ...process.env, ...env, PORT: String(port) } });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const exited = once(child, 'exit');
  try {
    const origin = `http://localhost:${port}`;
    const deadline = Date.now() + START_WITHIN_MS;
    while (!isReady(output, origin)) {
      if (child.exitCode !== null) throw new Error(`exited with ${child.exitCode} before it listened`);
      if (Date.now() > deadline) throw new Error(`was not ready within ${START_WITHIN_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return await use({ url: `${origin}/v1/orders`, key: KEY.exec(output)?.[0], origin, output });
  } catch (error) {
    console.error(`${name} printed:\n${output}`);
    throw error;
  } finally {
    child.kill();
    await exited;
  }
}

async function call(url, { method = 'GET', key, headers = {}, body } = {}) {
  const response = await fetch(url, { method, headers: { ...headers, ...(key && { 'X-API-Key': key }) }, body, signal: AbortSignal.timeout(5_000) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) };
}

const send = (url, { headers, body }) => call(url, { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** What a product prints when it is ready: one line of JSON. */
const factsOf = (output) => {
  const line = output.split('\n').slice(0, -1).find((text) => text.startsWith('{"ready":true'));
  return line === undefined ? undefined : JSON.parse(line);
};

const as = (token) => ({ Authorization: `Bearer ${token}` });

/** An allowed call, one without a key, with a wrong key, without the scope, and calls until the limit says no. */
async function commonCalls({ url, key }, headers) {
  assert.ok(key, 'the example prints its key');
  const allowed = await call(url, { key, headers });
  assert.equal(allowed.status, 200);
  assert.equal(allowed.body.orders.length, 1);
  assert.match(allowed.headers.get('ratelimit-policy') ?? '', /"minute";q=10;w=60/);

  const refusals = [
    [401, 'missing_key', await call(url, { headers })],
    [401, 'malformed_key', await call(url, { headers, key: key.slice(0, -1) + (key.endsWith('0') ? '1' : '0') })],
    [403, 'insufficient_scope', await call(url, { headers, key, method: 'POST' })],
  ];
  for (const [status, code, answer] of refusals) assert.deepEqual([answer.status, answer.body.code], [status, code]);
  assert.ok(refusals[0][2].headers.get('www-authenticate'));

  // Of ten a minute the allowed call and the one without the scope are spent.
  for (let request = 0; request < 8; request++) assert.equal((await call(url, { key, headers })).status, 200);
  const limited = await call(url, { key, headers });
  assert.deepEqual([limited.status, limited.body.code], [429, 'rate_limited']);
  const seconds = Number(limited.headers.get('retry-after'));
  assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `Retry-After: ${seconds}`);
  return { limited };
}

/** Express 4: the application's own error handler answers. */
/** The printed ticket lets one visitor in, once; everybody sees the page, and nobody else a key. */
async function dashboardOpens({ origin, output }) {
  const [address] = /http:\S+ticket=\S+/.exec(output) ?? [];
  const entered = await fetch(address, { redirect: 'manual' });
  assert.deepEqual([entered.status, entered.headers.get('location')], [302, '/admin/keys/']);
  assert.equal((await fetch(address, { redirect: 'manual' })).status, 403);
  const [cookie] = entered.headers.get('set-cookie').split(';');
  assert.match(await (await fetch(`${origin}/admin/keys`)).text(), /<div id="app">/);
  const list = (headers) => call(`${origin}/admin/keys/api/keys`, { headers });
  assert.deepEqual([(await list({})).status, (await list({ cookie })).body.keys[0].name], [401, 'production-backend']);
}

async function ownBodies(_server, { limited }) {
  assert.deepEqual(Object.keys(limited.body), ['code', 'type', 'message']);
  assert.equal(limited.body.type, 'rate_limit_error');
}

/** Cross-origin calls: a page may read every answer, refusals included; other origins may not use the key. */
async function crossOrigin({ url, key }, { limited }) {
  const preflight = await call(url, { method: 'OPTIONS', headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'GET' } });
  assert.equal(preflight.status, 204);
  for (const { headers } of [limited, await call(url)]) {
    assert.equal(headers.get('access-control-allow-origin'), 'https://app.example.com');
    assert.equal(headers.get('access-control-expose-headers'), 'Retry-After,RateLimit,RateLimit-Policy');
  }
  assert.ok(limited.headers.get('ratelimit'));
  const elsewhere = await call(url, { key, headers: { Origin: 'https://elsewhere.example' } });
  assert.deepEqual([elsewhere.status, elsewhere.body.code], [403, 'origin_not_allowed']);
}

/** A store in a file: it holds no key, is its owner's alone, and the next process knows the key all the same. */
async function keysSurvive({ key }, _seen, server) {
  for (const file of Object.values(server.env)) {
    assert.ok(!readFileSync(file).includes(key.slice(22)), 'the secret is not in the file');
    assert.equal(statSync(file).mode & 0o077, 0, 'nobody else may read the file');
  }
  await withServer(server, async ({ url, key: printed }) => {
    assert.equal(printed, undefined);
    // In memory its limit begins anew.
    assert.equal((await call(url, { key })).status, 200);
  });
}

/** Each request has come to another process than the one before, and all were counted in one place; so is a revocation. */
async function onePlace({ origin, output }) {
  const fresh = async (key) => call(`${origin}/v1/orders`, { key, headers: { Connection: 'close' } });
  const admin = { ...as(/Token for \/admin: (\S+)/.exec(output)[1]), 'Sec-Fetch-Site': 'same-origin' };
  const { key, apiKey } = (await send(`${origin}/admin/keys`, { headers: admin, body: { name: 'second', scopes: ['read'], plan: 'starter' } })).body;
  const answers = [];
  for (let request = 0; request < 12; request++) answers.push(await fresh(key));
  assert.deepEqual(answers.map(({ status }) => status), [...Array(10).fill(200), 429, 429]);
  const processes = new Set(answers.map(({ headers }) => headers.get('x-served-by')));
  assert.equal(processes.size, 2, 'both processes have answered');

  const other = (await send(`${origin}/admin/keys`, { headers: admin, body: { name: 'third', scopes: ['read'] } })).body;
  for (let request = 0; request < 4; request++) assert.equal((await fresh(other.key)).status, 200);
  await send(`${origin}/admin/keys/${other.apiKey.id}/revoke`, { headers: admin, body: { reason: 'leaked' } });
  const until = Date.now() + 5_000;
  const seen = new Map();
  while (seen.size < 2 || [...seen.values()].includes(200)) {
    const { status, headers } = await fresh(other.key);
    seen.set(headers.get('x-served-by'), status);
    assert.ok(Date.now() < until, 'both processes refuse the revoked key');
  }
  assert.deepEqual([...seen.values()], [401, 401]);
  assert.equal((await call(`${origin}/health`)).body.ok, true);
  assert.equal(apiKey.name, 'second');
}

/** A PostgreSQL and a Redis of this run's own; nothing where Redis is not installed, which is said aloud, and fails where it is required. */
async function databases() {
  const service = (name) => tsImport(`../test/support/services/${name}.ts`, import.meta.url);
  const [{ startPostgres }, { startRedis, REDIS }] = await Promise.all([service('postgres'), service('redis')]);
  if (!REDIS.isHere) {
    if (process.env.REQUIRE_SERVICES === '1') throw new Error(`${REDIS.name} is missing`);
    console.warn(`\u001b[33mSKIPPED: ${REDIS.name} is missing: ${REDIS.howToInstall}\u001b[0m`);
    return undefined;
  }
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  return { env: { DATABASE_URL: postgres.url, REDIS_URL: redis.url }, stop: () => Promise.all([postgres.stop(), redis.end()]) };
}

function npm(...args) {
  return spawnSync('npm', args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' }).status === 0;
}

const chosen = process.argv.slice(2);
const wanted = (name) => chosen.length === 0 || chosen.includes(name);
const servers = SERVERS.filter(({ name }) => wanted(name));
const products = PRODUCTS.filter(({ name }) => wanted(name));
const tests = TESTS.filter(wanted);
let failed = servers.length + products.length + tests.length === 0;

try {
  if (servers.some(({ needsBuild }) => needsBuild) && !existsSync(join(root, 'dist')) && !npm('run', '--silent', 'build')) failed = true;
  for (const { services, ...server } of servers) {
    let started;
    try {
      started = await services?.();
      if (services !== undefined && started === undefined) continue;
      const whole = { ...server, env: { ...server.env, ...started?.env } };
      await withServer(whole, async (running) => {
        const seen = await commonCalls(running, server.headers ?? {});
        await server.also?.(running, seen, whole);
      });
      console.log(`example ${server.name}: works`);
    } catch (error) {
      failed = true;
      console.error(`example ${server.name}: FAILS\n`, error);
    } finally {
      await started?.stop();
    }
  }
  for (const product of products) {
    try {
      await withServer({ ...product, isReady: factsOf }, async ({ origin, output }) => product.tour({ origin, facts: factsOf(output) }));
      console.log(`example ${product.name}: works`);
    } catch (error) {
      failed = true;
      console.error(`example ${product.name}: FAILS\n`, error);
    }
  }
  if (tests.length > 0 && !npm('test', '--silent', '--', '--reporters=default', '--roots', ...tests.map((name) => join(root, 'examples', name)))) failed = true;
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
// At once: what the database brings along would end the process without a fault.
process.exit(failed ? 1 : 0);
