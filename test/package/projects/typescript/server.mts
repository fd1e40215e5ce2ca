import express from 'express';
import { apiKeyAuth, createKeyring, perMinute, principalOf, type Principal } from 'keystile';
import { ask } from './ask.cjs';

const keyring = createKeyring({ prefix: 'awx', scopes: { read: [], write: ['read'] }, plans: { starter: [perMinute(60)] } });
const { key, apiKey } = await keyring.create({ name: 'typescript', scopes: ['write'], plan: 'starter' });
const status: 'active' | 'scheduled' | 'disabled' | 'expired' | 'revoked' = apiKey.status;
if (status !== 'active') throw new Error(status);

const app = express();
const auth = apiKeyAuth(keyring);
app.use('/v1', auth);
// @ts-expect-error A misspelt scope does not compile.
const misspelt = (): unknown => auth.requireScopes('raed');
app.get('/v1/orders', auth.requireScopes('read'), (req, res) => {
  const seen: Principal | undefined = req.apiKey;
  res.send(seen === undefined || typeof misspelt !== 'function' ? 'nobody' : principalOf(req).name);
});
await ask(app, key);
await keyring.close();
