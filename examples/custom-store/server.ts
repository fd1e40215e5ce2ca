/**
 * Keys that outlive the process, in a store of one's own: `KEYS_FILE` (default: keys.json in the current folder). The first
 * run makes a key and prints it; later runs know it by its hash alone.
 */
import express from 'express';
import { apiKeyAuth, createKeyring, perMinute, principalOf } from 'keystile';
import { jsonFileStore } from './json-file-store.js';

const keyring = createKeyring({
  prefix: 'awx',
  scopes: { read: [], write: ['read'] },
  plans: { starter: [perMinute(10)] },
  store: jsonFileStore(process.env['KEYS_FILE'] ?? 'keys.json'),
});

const app = express();
const auth = apiKeyAuth(keyring);
app.use('/v1', auth);
app.get('/v1/orders', auth.requireScopes('read'), (req, res) => {
  res.json({ caller: principalOf(req).name, orders: [{ id: 1, item: 'pallet' }] });
});
app.post('/v1/orders', auth.requireScopes('write'), (_req, res) => {
  res.status(201).json({ created: true });
});

const { keys } = await keyring.list({ search: 'custom-store' });
const created = keys.length > 0 ? undefined : await keyring.create({ name: 'custom-store', scopes: ['read'], plan: 'starter' });

const port = Number(process.env['PORT'] ?? 3000);
app.listen(port, () => {
  const known = created === undefined ? `API key, known already: ${keys.map(({ masked }) => masked).join(', ')}` : `API key: ${created.key}`;
  console.log(`Custom store listens on http://localhost:${String(port)}/v1/orders\n${known}`);
});
