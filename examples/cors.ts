/**
 * Calls from a browser on another origin. CORS comes first, so that refusals carry its headers too: without them a page
 * sees a failed fetch and neither the status nor `Retry-After`. The key is only good for that one origin.
 */
import cors from 'cors';
import express from 'express';
import { apiKeyAuth, createKeyring, perMinute, principalOf } from 'keystile';

const PAGE = 'https://app.example.com';

const keyring = createKeyring({
  prefix: 'awx',
  scopes: { read: [], write: ['read'] },
  plans: { widget: [perMinute(10)] },
});
const { key } = await keyring.create({ name: 'widget', scopes: ['read'], plan: 'widget', access: { origins: [PAGE] } });

const app = express();
const auth = apiKeyAuth(keyring);
// A preflight never carries a key, so it must be answered before keys are asked for.
app.use('/v1', cors({ origin: PAGE, allowedHeaders: ['X-API-Key'], exposedHeaders: ['Retry-After', 'RateLimit', 'RateLimit-Policy'] }), auth);
app.get('/v1/orders', auth.requireScopes('read'), (req, res) => {
  res.json({ caller: principalOf(req).name, orders: [{ id: 1, item: 'pallet' }] });
});
app.post('/v1/orders', auth.requireScopes('write'), (_req, res) => {
  res.status(201).json({ created: true });
});

const port = Number(process.env['PORT'] ?? 3000);
app.listen(port, () => {
  console.log(`The API for ${PAGE} listens on http://localhost:${String(port)}/v1/orders\nAPI key: ${key}`);
});
