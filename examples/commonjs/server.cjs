/**
 * A CommonJS program. `require('keystile')` gives the package's CommonJS build; here that is `dist/cjs`, so
 * `npm run build` comes first.
 */
'use strict';
const express = require('express');
const { apiKeyAuth, createKeyring, perMinute, principalOf } = require('keystile');

const keyring = createKeyring({
  prefix: 'awx',
  scopes: { read: [], write: ['read'] },
  plans: { starter: [perMinute(10)] },
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

async function main() {
  const { key } = await keyring.create({ name: 'commonjs', scopes: ['read'], plan: 'starter' });
  const port = Number(process.env.PORT ?? 3000);
  app.listen(port, () => {
    console.log(`CommonJS listens on http://localhost:${port}/v1/orders\nAPI key: ${key}`);
  });
}

main();
