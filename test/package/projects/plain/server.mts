// No framework and no types of one are installed here.
import { createKeyring, perMinute } from 'keystile';
import { apiKeyAuth, principalOf } from 'keystile/connect';
import { ask } from './ask.cjs';

const keyring = createKeyring({ prefix: 'awx', scopes: { read: [], write: ['read'] }, plans: { starter: [perMinute(60)] } });
const { key } = await keyring.create({ name: 'plain', scopes: ['write'], plan: 'starter' });

const auth = apiKeyAuth(keyring);
const requireRead = auth.requireScopes('read');
await ask((req, res) => {
  auth(req, res, () => {
    requireRead(req, res, () => {
      res.end(principalOf(req).name);
    });
  });
}, key);
await keyring.close();
