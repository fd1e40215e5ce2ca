/**
 * The quick start: an Express server with API keys in ten lines, a key to try it with, and the dashboard. `npm start` runs it.
 *
 * Keys are in memory; `KEYS_DB=./keys.db npm start` keeps them in a file, where the next start finds them.
 */
import express, { type Request } from 'express';
import { apiKeyAuth, concurrent, createKeyring, memoryActivity, memoryStore, memoryUsage, perDay, perMinute, principalOf } from 'keystile';
import { dashboard } from 'keystile/admin';
import { sqliteStore } from 'keystile/sql';
import { randomBytes } from 'node:crypto';

const file = process.env['KEYS_DB'];
const keyring = createKeyring({
  prefix: 'awx',
  scopes: { read: [], write: ['read'] },
  plans: { starter: [perMinute(10), perDay(10_000), concurrent(5)] },
  store: file === undefined ? memoryStore() : sqliteStore(file),
  activity: memoryActivity(),
  usage: memoryUsage(),
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

// Your login stands here. This one has a single ticket, good for one visit, printed below: nothing that could be guessed or left switched on.
let ticket: string | undefined = randomBytes(24).toString('base64url');
const session = randomBytes(24).toString('base64url');
app.get('/sign-in', (req, res) => {
  // A preview asks by HEAD, and must not use it up.
  if (ticket === undefined || req.method !== 'GET' || req.query['ticket'] !== ticket) {
    res.status(403).send('Sign in with the address that the start has printed. It works once: start the server again for a new one.');
    return;
  }
  ticket = undefined;
  res.cookie('session', session, { httpOnly: true, sameSite: 'strict' }).redirect('/admin/keys/');
});
app.use('/admin/keys', dashboard(keyring, {
  authorize: ({ headers }: Request) => (headers.cookie?.split('; ').includes(`session=${session}`) === true ? { actor: 'you', tenants: 'all', may: ['admin'] } : undefined),
  signInUrl: '/sign-in',
}));

const port = Number(process.env['PORT'] ?? 3000);
// For this machine alone: whoever can reach the sign-in could try tickets.
app.listen(port, '127.0.0.1', () => {
  const origin = `http://localhost:${String(port)}`;
  const url = `${origin}/v1/orders`;
  const key = created?.key ?? '<your key>';
  console.log(`
keystile quick start, listening on ${url}

The dashboard, at ${origin}/admin/keys; sign in with this address, which works once:

  ${origin}/sign-in?ticket=${ticket ?? ''}

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
