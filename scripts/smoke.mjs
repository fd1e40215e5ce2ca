/**
 * Uses the build as a program would, on this Node: both copies, Express and node:http, one allowed and one refused
 * request each. Imports by the package's own name, which resolves through its `exports` to dist.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const copies = {
  esm: [await import('keystile'), await import('keystile/connect'), (await import('express')).default],
  commonjs: [require('keystile'), require('keystile/connect'), require('express')],
};

async function answers(handler, key) {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `http://127.0.0.1:${server.address().port}/v1/orders`;
    const allowed = await fetch(url, { headers: { 'x-api-key': key } });
    const refused = await fetch(url);
    await Promise.all([allowed.text(), refused.text()]);
    return [allowed.status, refused.status];
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

for (const [name, [main, connect, express]] of Object.entries(copies)) {
  const keyring = main.createKeyring({ prefix: 'awx', scopes: { read: [] }, plans: { starter: [main.perMinute(60)] } });
  const { key } = await keyring.create({ name: 'smoke', scopes: ['read'], plan: 'starter' });

  const app = express();
  const auth = main.apiKeyAuth(keyring);
  app.use('/v1', auth);
  app.get('/v1/orders', auth.requireScopes('read'), (req, res) => res.json({ caller: main.principalOf(req).name }));
  assert.deepEqual(await answers(app, key), [200, 401], `${name}, Express`);

  const plain = connect.apiKeyAuth(keyring);
  assert.deepEqual(await answers((req, res) => plain(req, res, () => res.end('ok')), key), [200, 401], `${name}, node:http`);
  await keyring.close();
}
console.log(`the build works on Node ${process.version}`);
