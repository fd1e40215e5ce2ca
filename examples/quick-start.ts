/**
 * The quick start: an Express server with API keys in ten lines, and a key to try it with. `npm start` runs it.
 *
 * Keys are in memory; `KEYS_DB=./keys.db npm start` keeps them in a file, where the next start finds them.
 */
import express from 'express';
import { apiKeyAuth, concurrent, createKeyring, memoryStore, perDay, perMinute, principalOf } from 'keystile';
import { sqliteStore } from 'keystile/sql';

const file = process.env['KEYS_DB'];
const keyring = createKeyring({
  prefix: 'awx',
  scopes: { read: [], write: ['read'] },
  plans: { starter: [perMinute(10), perDay(10_000), concurrent(5)] },
  store: file === undefined ? memoryStore() : sqliteStore(file),
});
const { keys: [known] } = await keyring.list({ search: 'production-backend', status: 'active' });
const created = known === undefined ? await keyring.create({ name: 'production-backend', scopes: ['read'], plan: 'starter' }) : undefined;

const app = express();
const auth = apiKeyAuth(keyring);
app.use('/v1', auth);
app.get('/v1/orders', auth.requireScopes('read'), (req, res) => {
  res.json({ caller: principalOf(req).name, orders: [{ id: 1, item: 'pallet' }] });
});
app.post('/v1/orders', auth.requireScopes('write'), (_req, res) => {
  res.status(201).json({ created: true });
});

const port = Number(process.env['PORT'] ?? 3000);
app.listen(port, () => {
  const url = `http://localhost:${String(port)}/v1/orders`;
  const key = created?.key ?? '<your key>';
  console.log(`
keystile quick start, listening on ${url}

${known === undefined ? `Your API key, shown once:\n\n  ${key}` : `Your API key is the one that an earlier start has shown: ${known.masked}`}

Try it:

  an allowed call
    curl -i -H 'X-API-Key: ${key}' ${url}

  without a key: 401 missing_key
    curl -i ${url}

  without the scope 'write': 403 insufficient_scope
    curl -i -X POST -H 'X-API-Key: ${key}' ${url}

  until the limit of ten a minute is reached: 429 rate_limited, with Retry-After
    for i in $(seq 12); do curl -s -o /dev/null -w '%{http_code}\\n' -H 'X-API-Key: ${key}' ${url}; done
`);
});
