import connect = require('connect');
import keystile = require('keystile');
import keystileConnect = require('keystile/connect');
import shared = require('./ask.cjs');

async function main(): Promise<void> {
  const keyring = keystile.createKeyring({ prefix: 'awx', scopes: { read: [] }, plans: { starter: [keystile.perMinute(60)] } });
  const { key } = await keyring.create({ name: 'typescript', scopes: ['read'], plan: 'starter' });

  const app = connect();
  const auth = keystileConnect.apiKeyAuth(keyring);
  app.use('/v1', auth);
  app.use('/v1/orders', auth.requireScopes('read'));
  app.use('/v1/orders', (req, res) => {
    res.end(keystileConnect.principalOf(req).name);
  });
  await shared.ask(app, key);
  await keyring.close();
}

void main();
