/**
 * A user service for many tenants, whose id stands in the path. Each tenant has a primary and a secondary key, which never expire
 * and are replaced in turn; a key can be exchanged for a short-lived token that speaks for one of the tenant's users.
 *
 * `npm run example agglestone` prints one line of JSON: `adminToken`, of a signed-in operator, who may manage every tenant's keys;
 * `tenantId` and `userIds` to begin with (any other tenant has two users as well, `<tenantId>-ann` and `<tenantId>-bob`); `issuer`,
 * `jwks`, `openapi` and `docs`; `routes`; `requireHttps`. `REQUIRE_HTTPS=1` refuses keys, tokens and sign-in over plain HTTP; a proxy
 * on the same machine is believed about it (`X-Forwarded-Proto: https`). `ISSUER` is the tokens' `iss`.
 *
 * Operators, with `Authorization: Bearer <adminToken>`:
 *   GET  /tenant/:tenantId/api-keys                   both slots, masked
 *   POST /tenant/:tenantId/api-keys/:slot             a new key for `primary` or `secondary`; the one before ends at once
 * Servers, with `X-API-Key`, or with `Authorization: Bearer <token>` in a user's name (both on one request: 400):
 *   GET  /tenant/:tenantId/api/v2.0/Users
 *   GET  /tenant/:tenantId/api/v2.0/Users/me          with a token only
 *   POST /tenant/:tenantId/v2.0/Auth/token-exchange {userId}   with a key only; gives {token}
 * Anyone: /openapi.json, /docs/, /.well-known/jwks.json. Errors: `{error, code?, field?}`.
 */
import express, { type Express, type Request, type RequestHandler, type Router } from 'express';
import { apiKeyAuth, createKeyring, header, KeystileError, principalOf, type ApiKey, type ApiKeyAuth, type ApiKeyAuthOptions, type Keyring } from 'keystile';
import { bearerToken, generateSigningKey, tokenExchange, tokenIssuer, tokenOf, type TokenExchange } from 'keystile/jwt';
import swaggerUi from 'swagger-ui-express';
import { z } from 'zod';
import { answers, bodyOf, iso, jsonOnly, onOff, Refused, setting, signIn, startWhenMain, type Fault, type SignIn } from '../host.js';

const ROUTES = [
  'GET /tenant/:tenantId/api-keys', 'POST /tenant/:tenantId/api-keys/:slot', 'GET /tenant/:tenantId/api/v2.0/Users', 'GET /tenant/:tenantId/api/v2.0/Users/me',
  'POST /tenant/:tenantId/v2.0/Auth/token-exchange {userId}',
];
const Slot = z.enum(['primary', 'secondary']);
const Nothing = z.strictObject({});
const ExchangeBody = z.strictObject({ userId: z.string().min(1).max(256) });
const TENANT_ID = /^[a-z0-9][a-z0-9-]{0,63}$/i;

/** Two users for every tenant; a real service would look them up. */
const usersOf = (tenantId: string): { id: string; name: string }[] => ['ann', 'bob'].map((name) => ({ id: `${tenantId}-${name}`, name }));

const tenantOf = (req: { params?: unknown }): string => (req.params as { tenantId: string }).tenantId;

const problem = ({ message, code, field }: Partial<Fault>): object => ({ error: message, code, field });

const shown = ({ id, slot, masked, status, createdAt, lastUsedAt, expiresAt }: ApiKey): object => ({
  id, slot, key: masked, status, createdAt: iso(createdAt), lastUsedAt: iso(lastUsedAt), expiresAt: iso(expiresAt),
});

/** Where people manage a tenant's keys; no key manages keys. */
function portal(keyring: Keyring<'system'>, auth: ApiKeyAuth<'system'>, people: SignIn): Router {
  const router = express.Router({ mergeParams: true });
  router.use(auth.forbidApiKeys(), async (req, res, next) => {
    const person = await people.person(req);
    if (person === undefined) throw new Refused(401, 'Sign in to the portal.');
    if (person['role'] !== 'operator') throw new Refused(403, 'Only operators manage keys.');
    res.locals['person'] = person.sub;
    next();
  });

  router.get('/', async (req, res) => {
    // A slot belongs to one key: those that had it before have given it up.
    const inSlot = async (slot: z.infer<typeof Slot>): Promise<object | null> => {
      const [apiKey] = (await keyring.list({ tenantId: tenantOf(req), slot, limit: 1 })).keys;
      return apiKey === undefined ? null : shown(apiKey);
    };
    const [primary, secondary] = await Promise.all([inSlot('primary'), inSlot('secondary')]);
    res.json({ primary, secondary });
  });
  router.post('/:slot', async (req: Request<{ slot: string }>, res) => {
    bodyOf(req, Nothing);
    const slot = Slot.safeParse(req.params.slot);
    if (!slot.success) throw new Refused(422, 'slot: must be primary or secondary', 'slot');
    // Whoever holds such a key is a server: from a browser it is refused, wherever it may have got to.
    const settings = { scopes: ['system'], access: { origins: 'server-only' } } as const;
    const { key, apiKey } = await keyring.regenerate(tenantOf(req), slot.data, { ...settings, by: res.locals['person'] as string });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key });
  });
  return router;
}

/** What a tenant's own servers call. */
function userService(exchange: TokenExchange['exchange']): Router {
  const router = express.Router({ mergeParams: true });
  router.get('/api/v2.0/Users', (req, res) => res.json({ users: usersOf(tenantOf(req)) }));
  router.get('/api/v2.0/Users/me', (req, res) => {
    const user = usersOf(tenantOf(req)).find(({ id }) => id === tokenOf(req)?.subject);
    if (user === undefined) throw new Refused(403, 'A key speaks for nobody: exchange it for a token first.');
    res.json(user);
  });
  router.post('/v2.0/Auth/token-exchange', async (req, res) => {
    const { userId } = bodyOf(req, ExchangeBody);
    const made = await exchange(principalOf(req), { subject: userId }, req);
    if (made.ok) res.set('Cache-Control', 'no-store').json({ token: made.token });
    else res.status(made.status).json(problem({ message: made.description, code: made.code }));
  });
  return router;
}

/** The guards ask the same of keys and tokens; what guards nothing but people has to ask it itself. */
const httpsOnly: RequestHandler = (req, _res, next) => {
  if (!req.secure) throw new KeystileError('insecure_transport', 'The portal is reached over HTTPS alone.', { status: 403 });
  next();
};

const nothingHere: RequestHandler = () => {
  throw new Refused(404, 'There is nothing here.');
};

export interface AgglestoneSettings {
  readonly requireHttps?: boolean;
  readonly issuerUrl?: string;
}

/** What is printed for a caller, and, for tests, the sign-in itself. */
interface Agglestone {
  readonly server: Express;
  readonly people: SignIn;
  readonly facts: { readonly [fact: string]: unknown; readonly adminToken: string };
}

export async function agglestone({ requireHttps = false, issuerUrl = 'http://localhost:3000' }: AgglestoneSettings = {}): Promise<Agglestone> {
  const people = await signIn('agglestone');
  const keyring = createKeyring({ formats: 'agt_{id}_{secret}{checksum}', scopes: { system: [] } });
  const issuer = tokenIssuer({ issuer: issuerUrl, keys: [await generateSigningKey()] });
  const { exchange } = tokenExchange(keyring, { issuer, mayActFor: ({ tenantId = '' }, userId) => usersOf(tenantId).some(({ id }) => id === userId) });

  const shared = { tenant: tenantOf, requireHttps, refusals: { render: ({ detail, code }) => problem({ message: detail, code }) } } satisfies ApiKeyAuthOptions;
  const auth = apiKeyAuth(keyring, { ...shared, credentials: header('X-API-Key') });
  // A token dies with its key: what is regenerated because it leaked must not live on in tokens.
  const token = bearerToken(keyring, { ...shared, issuer, required: false });

  const app = express();
  app.set('trust proxy', 'loopback');
  app.use(express.json(), jsonOnly);
  app.param('tenantId', (_req, _res, next, tenantId: string) => {
    if (!TENANT_ID.test(tenantId)) throw new Refused(404, 'There is no such tenant.');
    next();
  });
  app.get('/.well-known/jwks.json', issuer.jwksHandler);
  app.get('/openapi.json', (_req, res) => res.json(openApi));
  // "Try it out" works for the portal, once signed in there. Keys, and with them their tokens, are refused: a page runs in a browser.
  app.use('/docs', swaggerUi.serve);
  app.get('/docs', swaggerUi.setup(openApi));
  app.use('/tenant/:tenantId/api-keys', requireHttps ? httpsOnly : [], portal(keyring, auth, people), nothingHere);
  app.use('/tenant/:tenantId', token, auth, userService(exchange));
  app.use(nothingHere);
  app.use(answers(problem));

  const [tenantId, adminToken] = ['acme', await people.issue({ sub: 'operator@agglestone.example', role: 'operator' })];
  const facts = { adminToken, tenantId, userIds: usersOf(tenantId).map(({ id }) => id), issuer: issuerUrl, jwks: '/.well-known/jwks.json', openapi: '/openapi.json', docs: '/docs/', requireHttps, routes: ROUTES };
  return { server: app, people, facts };
}

const parameters = [{ name: 'tenantId', in: 'path', required: true, schema: { type: 'string' } }];
const json = (description: string, properties: object): object => ({ description, content: { 'application/json': { schema: { type: 'object', properties } } } });
const text = { type: 'string' };
const user = { id: text, name: text };
const key = { id: text, slot: { enum: Slot.options }, key: text, status: text, createdAt: text, lastUsedAt: { type: ['string', 'null'] }, expiresAt: { type: 'null' } };
const slot = { type: ['object', 'null'], properties: key };
const fault = (description: string): object => json(description, { error: text, code: text, field: text });
const errors = { 400: fault('Not understood'), 401: fault('Not signed in: no valid key or token'), 403: fault('Not for this caller'), 404: fault('No such tenant') };

const openApi = {
  openapi: '3.1.0',
  info: { title: 'Users of a tenant', version: '2.0' },
  components: {
    securitySchemes: {
      key: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'For servers: refused from a browser, this page included' },
      token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Exchanged for a key; for servers as well' },
      portal: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Of a signed-in operator' },
    },
  },
  paths: {
    '/tenant/{tenantId}/api-keys': { parameters, get: { summary: 'Both slots, masked', security: [{ portal: [] }], responses: { 200: json('The slots', { primary: slot, secondary: slot }), ...errors } } },
    '/tenant/{tenantId}/api-keys/{slot}': {
      parameters: [...parameters, { name: 'slot', in: 'path', required: true, schema: { enum: Slot.options } }],
      post: { summary: 'A new key for a slot; the one before ends at once', security: [{ portal: [] }], responses: { 201: json('The key, shown once', key), 409: fault('Somebody else was faster'), 422: fault('No such slot'), ...errors } },
    },
    '/tenant/{tenantId}/api/v2.0/Users': { parameters, get: { summary: 'All users', security: [{ key: [] }, { token: [] }], responses: { 200: json('The users', { users: { type: 'array', items: { type: 'object', properties: user } } }), ...errors } } },
    '/tenant/{tenantId}/api/v2.0/Users/me': { parameters, get: { summary: 'The user a token speaks for', security: [{ token: [] }], responses: { 200: json('The user', user), ...errors } } },
    '/tenant/{tenantId}/v2.0/Auth/token-exchange': {
      parameters,
      post: {
        summary: 'A token in a user\'s name',
        security: [{ key: [] }],
        requestBody: { required: true, content: { 'application/json': { schema: { type: 'object', required: ['userId'], properties: { userId: text }, additionalProperties: false } } } },
        responses: { 200: json('The token, good for five minutes', { token: text }), 422: fault('No user id'), ...errors },
      },
    },
  },
};

await startWhenMain(import.meta.url, () =>
  agglestone({ requireHttps: setting('REQUIRE_HTTPS', onOff), issuerUrl: process.env['ISSUER'] ?? `http://localhost:${process.env['PORT'] ?? '3000'}` }),
);
