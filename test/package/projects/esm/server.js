import express from 'express';
import { apiKeyAuth, createKeyring, perMinute, principalOf } from 'keystile';
import { ask } from './ask.cjs';

const keyring = createKeyring({ prefix: 'awx', scopes: { read: [], write: ['read'] }, plans: { starter: [perMinute(60)] } });
const { key } = await keyring.create({ name: 'esm', scopes: ['write'], plan: 'starter' });

const app = express();
const auth = apiKeyAuth(keyring);
app.use('/v1', auth);
app.get('/v1/orders', auth.requireScopes('read'), (req, res) => {
  res.send(principalOf(req).name);
});
await ask(app, key);
await keyring.close();
