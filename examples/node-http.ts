/**
 * A bare node:http server: the middleware is called by hand, with a function that goes on.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createKeyring, perMinute } from 'keystile';
import { apiKeyAuth, principalOf } from 'keystile/connect';

const keyring = createKeyring({
  prefix: 'awx',
  scopes: { read: [], write: ['read'] },
  plans: { starter: [perMinute(10)] },
});
const { key } = await keyring.create({ name: 'node-http', scopes: ['read'], plan: 'starter' });

const auth = apiKeyAuth(keyring);
const needsRead = auth.requireScopes('read');
const needsWrite = auth.requireScopes('write');

function json(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

function route(req: IncomingMessage, res: ServerResponse): void {
  switch (`${req.method ?? ''} ${req.url ?? ''}`) {
    case 'GET /v1/orders':
      needsRead(req, res, () => {
        json(res, 200, { caller: principalOf(req).name, orders: [{ id: 1, item: 'pallet' }] });
      });
      return;
    case 'POST /v1/orders':
      needsWrite(req, res, () => {
        json(res, 201, { created: true });
      });
      return;
    default:
      json(res, 404, { message: 'not found' });
  }
}

const server = createServer((req, res) => {
  auth(req, res, () => {
    route(req, res);
  });
});
const port = Number(process.env['PORT'] ?? 3000);
server.listen(port, () => {
  console.log(`node:http listens on http://localhost:${String(port)}/v1/orders\nAPI key: ${key}`);
});
