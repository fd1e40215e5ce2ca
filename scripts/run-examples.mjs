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

const root = fileURLToPath(new URL('..', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'keystile-examples-'));
const KEYS_FILE = join(temporary, 'keys.json');
const KEY = /\bawx_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{33}\b/;
const START_WITHIN_MS = 30_000;

/** Programs, with what is checked beyond the common calls, and headers that every call sends. */
const SERVERS = [
  { name: 'quick-start' },
  { name: 'express4', also: ownBodies },
  { name: 'connect' },
  { name: 'node-http' },
  { name: 'cors', headers: { Origin: 'https://app.example.com' }, also: crossOrigin },
  { name: 'commonjs', needsBuild: true },
  { name: 'custom-store', also: keysSurvive },
];
/** Whole products, each started by its name and asked for its main promises; `test/products` has the rest. */
const PRODUCTS = [
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
async function withServer({ name, isReady = (output, origin) => output.includes(origin) }, use) {
  const port = await freePort();
  const child = spawn(process.execPath, ['scripts/example.mjs', name], { cwd: root, env: { ...process.env, PORT: String(port), KEYS_FILE } });
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

/** A custom store: the file holds no key, and the next process knows the key all the same. */
async function keysSurvive({ key }, _seen, server) {
  assert.ok(!readFileSync(KEYS_FILE, 'utf8').includes(key.slice(22)), 'the secret is not in the file');
  assert.equal(statSync(KEYS_FILE).mode & 0o077, 0, 'nobody else may read the file');
  await withServer(server, async ({ url, key: printed }) => {
    assert.equal(printed, undefined);
    assert.equal((await call(url, { key })).status, 200);
  });
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
  for (const server of servers) {
    try {
      await withServer(server, async (running) => {
        const seen = await commonCalls(running, server.headers ?? {});
        await server.also?.(running, seen, server);
      });
      console.log(`example ${server.name}: works`);
    } catch (error) {
      failed = true;
      console.error(`example ${server.name}: FAILS\n`, error);
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
process.exitCode = failed ? 1 : 0;
