/**
 * Connect, behind a proxy of one's own. A Connect mount covers what lies beneath it, so each route checks its method.
 */
import connect from 'connect';
import { createServer } from 'node:http';
import { createKeyring, perMinute } from 'keystile';
import { apiKeyAuth, principalOf } from 'keystile/connect';

const keyring = createKeyring({
  prefix: 'awx',
  scopes: { read: [], write: ['read'] },
  plans: { starter: [perMinute(10)] },
});
const { key } = await keyring.create({ name: 'connect', scopes: ['read'], plan: 'starter' });

const app = connect();
const auth = apiKeyAuth(keyring, {
  // The proxy overwrites this header, so nobody else can set it. Without a proxy leave `clientIp` out: the socket knows.
  clientIp: (req) => (typeof req.headers['x-real-ip'] === 'string' ? req.headers['x-real-ip'] : req.socket.remoteAddress),
});
const needsRead = auth.requireScopes('read');
const needsWrite = auth.requireScopes('write');

app.use('/v1', auth);
app.use('/v1/orders', (req, res, next) => {
  if (req.method !== 'GET') {
    next();
    return;
  }
  needsRead(req, res, () => {
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify({ caller: principalOf(req).name, orders: [{ id: 1, item: 'pallet' }] }));
  });
});
app.use('/v1/orders', (req, res, next) => {
  if (req.method !== 'POST') {
    next();
    return;
  }
  needsWrite(req, res, () => {
    res.statusCode = 201;
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify({ created: true }));
  });
});

const port = Number(process.env['PORT'] ?? 3000);
createServer(app).listen(port, () => {
  console.log(`Connect listens on http://localhost:${String(port)}/v1/orders\nAPI key: ${key}`);
});
