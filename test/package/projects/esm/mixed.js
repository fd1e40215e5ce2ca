// Both copies in one process: a keyring of the CommonJS copy behind a middleware of the ESM copy, and the other way round.
import { createRequire } from 'node:module';
import express from 'express';
import * as esm from 'keystile';
import { ask } from './ask.cjs';

const commonjs = createRequire(import.meta.url)('keystile');
if (commonjs.createKeyring === esm.createKeyring) throw new Error('one copy only: nothing is mixed');

for (const [inner, outer] of [[commonjs, esm], [esm, commonjs]]) {
  const keyring = inner.createKeyring({ prefix: 'awx', scopes: { read: [] }, plans: { starter: [outer.perMinute(60)] } });
  const { key } = await keyring.create({ name: 'mixed', scopes: ['read'], plan: 'starter' });
  const app = express();
  const auth = outer.apiKeyAuth(keyring);
  app.use('/v1', auth);
  app.get('/v1/orders', auth.requireScopes('read'), (req, res) => res.send(inner.principalOf(req).name));
  await ask(app, key);

  const error = await keyring.revoke('nobody').then(() => undefined, (thrown) => thrown);
  if (!outer.isKeystileError(error)) throw new Error('an error of one copy is not recognised by the other');
  await keyring.close();
}
