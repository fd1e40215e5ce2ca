/**
 * A user service for many tenants, whose id stands in the path. Each tenant has a primary and a secondary key, used in turn; a key
 * can be exchanged for a token that speaks for one of the tenant's users.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import express, { type Express, type RequestHandler } from 'express';
import { apiKeyAuth, createKeyring, header, type ApiKey, type KeySlot } from 'keystile';
import { bearerToken, generateSigningKey, tokenExchange, tokenIssuer, tokenOf } from 'keystile/jwt';
import swaggerUi from 'swagger-ui-express';
import { listenWhenMain, problems } from './host.js';

interface User {
  readonly id: string;
  readonly name: string;
}

export interface AgglestoneSettings {
  readonly adminToken?: string;
  /** Keys only over HTTPS; behind a proxy, whose word on it is believed from the loopback only. */
  readonly requireHttps?: boolean;
  /** `iss` of the tokens: where this service is. */
  readonly issuerUrl?: string;
  readonly users?: (tenantId: string) => readonly User[];
}

const SLOTS: readonly KeySlot[] = ['primary', 'secondary'];

/** Two users for every tenant. */
const someUsers = (tenantId: string): readonly User[] => ['ann', 'bob'].map((name) => ({ id: `${tenantId}-${name}`, name }));

export async function agglestone(settings: AgglestoneSettings = {}): Promise<{ app: Express; adminToken: string }> {
  const { adminToken = randomBytes(24).toString('hex'), requireHttps = false, issuerUrl = 'http://localhost:3000', users = someUsers } = settings;
  const keyring = createKeyring({ formats: 'agt_{id}_{secret}{checksum}', scopes: { system: [] } });
  const issuer = tokenIssuer({ issuer: issuerUrl, keys: [await generateSigningKey()] });
  const tenantOf = (req: unknown): string | undefined => (req as { params: { tenantId?: string } }).params.tenantId;

  const auth = apiKeyAuth(keyring, { credentials: header('X-API-Key'), tenant: tenantOf, requireHttps });
  const token = bearerToken(keyring, { issuer, tenant: tenantOf, required: false, requireHttps });
  const { exchange } = tokenExchange(keyring, { issuer, mayActFor: ({ tenantId = '' }, userId) => users(tenantId).some(({ id }) => id === userId) });

  const admin: RequestHandler = (req, res, next) => {
    const [given, wanted] = [req.get('authorization') ?? '', `Bearer ${adminToken}`].map((text) => Buffer.from(text));
    if (given?.length === wanted?.length && timingSafeEqual(given as Buffer, wanted as Buffer)) next();
    else res.status(401).json({ error: 'Sign in to the portal.' });
  };

  const app = express();
  app.set('trust proxy', 'loopback');
  app.use(express.json());
  app.get('/.well-known/jwks.json', issuer.jwksHandler);
  app.get('/openapi.json', (_req, res) => res.json(openApi));
  app.use('/docs', swaggerUi.serve, swaggerUi.setup(openApi));

  const portal = express.Router({ mergeParams: true });
  portal.use(auth.forbidApiKeys(), admin);
  portal.get('/', async (req, res) => {
    const { keys } = await keyring.list({ tenantId: tenantOf(req) ?? '' });
    res.json(Object.fromEntries(SLOTS.map((slot) => [slot, shown(keys.find((key) => key.slot === slot))])));
  });
  portal.post('/:slot', async (req, res) => {
    const { tenantId, slot } = req.params as { tenantId: string; slot: KeySlot };
    // Whoever holds such a key is a server: from a browser it is refused, wherever it may have got to.
    const { key, apiKey } = await keyring.regenerate(tenantId, slot, { scopes: ['system'], access: { origins: 'server-only' }, by: 'portal' });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key });
  });
  app.use('/tenant/:tenantId/api-keys', portal);

  const tenant = express.Router({ mergeParams: true });
  tenant.use(token, auth);
  tenant.get('/api/v2.0/Users', (req, res) => res.json({ users: users(tenantOf(req) ?? '') }));
  tenant.get('/api/v2.0/Users/me', (req, res) => {
    const user = users(tenantOf(req) ?? '').find(({ id }) => id === tokenOf(req)?.subject);
    if (user === undefined) res.status(403).json({ error: 'A key speaks for nobody: exchange it for a token first.' });
    else res.json(user);
  });
  tenant.post('/v2.0/Auth/token-exchange', async (req, res) => {
    const { userId } = (req.body ?? {}) as { userId?: unknown };
    if (req.apiKey === undefined) return void res.status(401).end();
    const made = await exchange(req.apiKey, { subject: userId as string }, req);
    if (made.ok) res.set('Cache-Control', 'no-store').json({ token: made.token });
    else res.status(made.status).json({ error: made.description, code: made.code });
  });
  app.use('/tenant/:tenantId', tenant);
  app.use(problems);
  return { app, adminToken };
}

const shown = (apiKey: ApiKey | undefined): object | null =>
  apiKey === undefined ? null : { id: apiKey.id, slot: apiKey.slot, key: apiKey.masked, status: apiKey.status, createdAt: iso(apiKey.createdAt), lastUsedAt: iso(apiKey.lastUsedAt) };

const iso = (time: number | undefined): string | null => (time === undefined ? null : new Date(time).toISOString());

const tenantId = { name: 'tenantId', in: 'path', required: true, schema: { type: 'string' } };
const answer = (description: string): object => ({ description, content: { 'application/json': { schema: { type: 'object' } } } });
const errors = { 401: answer('No valid key or token'), 403: answer('Not for this caller'), 429: answer('Too many requests') };

const openApi = {
  openapi: '3.1.0',
  info: { title: 'Users of a tenant', version: '2.0' },
  components: {
    securitySchemes: {
      key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      portal: { type: 'http', scheme: 'bearer' },
    },
  },
  paths: {
    '/tenant/{tenantId}/api/v2.0/Users': { parameters: [tenantId], get: { summary: 'All users', security: [{ key: [] }, { token: [] }], responses: { 200: answer('The users'), ...errors } } },
    '/tenant/{tenantId}/api/v2.0/Users/me': { parameters: [tenantId], get: { summary: 'The user a token speaks for', security: [{ token: [] }], responses: { 200: answer('The user'), ...errors } } },
    '/tenant/{tenantId}/v2.0/Auth/token-exchange': {
      parameters: [tenantId],
      post: {
        summary: 'A token in a user\'s name',
        security: [{ key: [] }],
        requestBody: { required: true, content: { 'application/json': { schema: { type: 'object', required: ['userId'], properties: { userId: { type: 'string' } } } } } },
        responses: { 200: answer('The token'), 400: answer('No such user id'), ...errors },
      },
    },
    '/tenant/{tenantId}/api-keys': { parameters: [tenantId], get: { summary: 'Both slots, masked', security: [{ portal: [] }], responses: { 200: answer('The slots'), ...errors } } },
    '/tenant/{tenantId}/api-keys/{slot}': {
      parameters: [tenantId, { name: 'slot', in: 'path', required: true, schema: { enum: SLOTS } }],
      post: { summary: 'A new key for a slot; the one before ends at once', security: [{ portal: [] }], responses: { 201: answer('The key, shown once'), 409: answer('Somebody else was faster'), ...errors } },
    },
  },
};

listenWhenMain(import.meta.url, async () => {
  const { app, adminToken } = await agglestone({
    requireHttps: process.env['REQUIRE_HTTPS'] === '1',
    issuerUrl: process.env['ISSUER'] ?? `http://localhost:${process.env['PORT'] ?? '3000'}`,
    ...(process.env['ADMIN_TOKEN'] !== undefined && { adminToken: process.env['ADMIN_TOKEN'] }),
  });
  return { app, hello: `Portal: Authorization: Bearer ${adminToken}\nDocumentation: /docs` };
});
