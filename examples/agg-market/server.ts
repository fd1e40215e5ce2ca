/**
 * A market data API whose apps bring their own keys: `agg_<appId>_<64 hex>` in `x-app-api-key`, scopes `read` and `read_write`, one
 * budget per app, and a switch by which an app asks for a key on every request.
 *
 * `npm run example agg-market` prints one line of JSON: `adminToken`, a signed-in admin's; `rateLimitAppMax`, requests a minute of
 * all keys of an app together (`RATE_LIMIT_APP_MAX`); `rateLimitIpMax`, of one address (`RATE_LIMIT_IP_MAX`); `routes`.
 *
 * Admins, with `Authorization: Bearer <adminToken>`:
 *   POST   /admin/apps/:appId/keys {name, scope, rateLimit?}    the key stands in this answer alone
 *   GET    /admin/apps/:appId/keys
 *   PATCH  /admin/apps/:appId/keys/:id {rateLimit}              null: back into the app's budget
 *   DELETE /admin/apps/:appId/keys/:id
 *   GET    /admin/apps/:appId/settings
 *   PATCH  /admin/apps/:appId/settings {name?, description?, requireApiKey?}    the first two also with a read_write key
 * Apps, with `x-app-id` and `x-app-api-key`:
 *   GET    /markets                                             read; also without a key, by address, while the app allows it
 *   PUT    /members/:id {any: 'plain values'}                   read_write
 * Errors: `{error, field?, code?}`.
 *
 * A key is replaced without a gap: create a second one, deploy it, watch `lastUsedAt` of the first stand still, delete the first.
 */
import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler, type Response, type Router } from 'express';
import type { IncomingHttpHeaders } from 'node:http';
import { apiKeyAuth, createKeyring, header, isKeystileError, perMinute, principalOf, type ApiKey, type Clock } from 'keystile';
import { z } from 'zod';
import { answers, bodyOf, iso, jsonOnly, keysOf, Refused, setting, signIn, startWhenMain, wholeNumber } from '../host.js';

const ROUTES = [
  'POST /admin/apps/:appId/keys {name, scope, rateLimit?}', 'GET /admin/apps/:appId/keys', 'PATCH /admin/apps/:appId/keys/:id {rateLimit}', 'DELETE /admin/apps/:appId/keys/:id',
  'GET /admin/apps/:appId/settings', 'PATCH /admin/apps/:appId/settings {name?, description?, requireApiKey?}', 'GET /markets', 'PUT /members/:id',
];
const KEY_HEADER = 'x-app-api-key';
const MOST = 1_000_000_000;

const rateLimit = z.int().min(1).max(MOST);
const NewKey = z.strictObject({ name: z.string(), scope: z.enum(['read', 'read_write']), rateLimit: rateLimit.optional() });
const Budget = z.strictObject({ rateLimit: rateLimit.nullable() });
const Settings = z.strictObject({
  name: z.string().min(1).max(256).exactOptional(),
  description: z.string().max(2_000).exactOptional(),
  requireApiKey: z.boolean().exactOptional(),
});
type Settings = Required<z.infer<typeof Settings>>;
/** What a member is made of is the app's affair, but for names that every object has already. */
const Profile = z
  .custom<object>((body) => !Object.keys(Object(body)).some((name) => name in Object.prototype), 'has a field that is none')
  .pipe(z.record(z.string().max(64), z.union([z.string(), z.number(), z.boolean(), z.null()])));

const keyringFor = (appMax: number, ipMax: number, clock: Clock | undefined) =>
  createKeyring({
    formats: 'agg_{tenant}_{secret:hex:64}',
    scopes: { read: [], read_write: ['read'] },
    // All keys of an app share its budget, and an address is held back as well. A key with a limit of its own leaves both.
    limits: { default: [perMinute(appMax, { per: 'tenant' }), perMinute(ipMax, { per: 'ip' })] },
    ...(clock && { clock }),
  });
type AppKeyring = ReturnType<typeof keyringFor>;

type AppRequest = { readonly headers: IncomingHttpHeaders; readonly params?: unknown };
type ForApp = Request<{ appId: string }>;
type ForKey = Request<{ appId: string; id: string }>;

/** The app a request is for: the path's, or else the header's. */
const appOf = ({ headers, params }: AppRequest): string | undefined => (params as { appId?: string } | undefined)?.appId ?? headers['x-app-id']?.toString();

/** Two headers, which arrive as one with a comma in it, name no app either. */
const notAnApp = (field: string, id = 'none'): Refused | undefined => (/^[\w-]{1,64}$/.test(id) ? undefined : new Refused(422, `${field}: no app has such an id`, field));

const shown = ({ id, name, masked, scopes, limits, createdAt, lastUsedAt }: ApiKey): object => ({
  id, name, key: masked, scope: scopes[0], rateLimit: limits?.[0]?.limit ?? null, createdAt: iso(createdAt), lastUsedAt: iso(lastUsedAt),
});

/**
 * keystile's refusals as this product tells them. A locked app has one answer for whoever has no valid key for it, and another
 * app's key, elsewhere a 403, is none: who has no key of the app learns nothing about keys there.
 */
const refusalsFor = (locked: (req: AppRequest) => boolean): ErrorRequestHandler => (error: unknown, req, res, next) => {
  if (!isKeystileError(error) || !('refusal' in error) || !('headers' in error)) return void next(error);
  const { status, code, message, headers } = error;
  if (!locked(req) || (status !== 401 && code !== 'wrong_tenant')) return void res.status(status).set(headers).json({ error: message, code });
  const challenge = { 'WWW-Authenticate': 'ApiKey header="x-app-api-key"' };
  res.status(401).set({ ...headers, ...challenge }).json({ error: 'This app requires x-app-api-key for all requests.', code: 'api_key_required' });
};

function keyRoutes(keyring: AppKeyring): Router {
  const router = express.Router({ mergeParams: true });
  /** Another app's key is not there. */
  const own = async ({ params: { appId, id } }: ForKey, deleted = false): Promise<string> => {
    const found = await keyring.get(id, { deleted });
    if (found?.tenantId !== appId) throw new Refused(404, 'There is no such key.');
    return found.id;
  };
  router.get('/', async (req: ForApp, res) => res.json({ keys: (await keysOf(keyring, req.params.appId)).map(shown) }));
  router.post('/', async (req: ForApp, res) => {
    const { name, scope, rateLimit: budget } = bodyOf(req, NewKey);
    const { key, apiKey } = await keyring.create({ name, scopes: [scope], tenantId: req.params.appId, ...(budget !== undefined && { limits: [perMinute(budget)] }) });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key });
  });
  router.patch('/:id', async (req: ForKey, res) => {
    const [id, { rateLimit: budget }] = [await own(req), bodyOf(req, Budget)];
    res.json(shown(await keyring.update(id, { limits: budget === null ? null : [perMinute(budget)] })));
  });
  router.delete('/:id', async (req: ForKey, res) => {
    // A second time changes nothing.
    await keyring.delete(await own(req, true));
    res.status(204).end();
  });
  return router;
}

/** An app's settings. An entry is made only by who has signed in, or has a key of the app. */
function settingsRoutes(apps: Map<string, Settings>, people: Router, writers: Router): Router {
  const router = express.Router({ mergeParams: true });
  const settingsOf = (id: string): Settings => apps.get(id) ?? { name: id, description: '', requireApiKey: false };
  router.get('/', people, (req: ForApp, res: Response) => res.json(settingsOf(req.params.appId)));
  // Who sends a key comes as that key, signed in or not.
  const either: RequestHandler = (req, res, next) => (KEY_HEADER in req.headers ? writers : people)(req, res, next);
  router.patch('/', either, (req: ForApp, res: Response) => {
    const [id, changes] = [req.params.appId, bodyOf(req, Settings)];
    // Not even to what it is: a stolen key must neither lock its owner out nor open the app to others.
    if (req.apiKey !== undefined && changes.requireApiKey !== undefined) throw new Refused(403, 'requireApiKey: only a signed-in admin may change it.', 'requireApiKey');
    const settings = { ...settingsOf(id), ...changes };
    apps.set(id, settings);
    res.json(settings);
  });
  return router;
}

export interface AggMarketSettings {
  /** Requests a minute of all of an app's keys together. */
  readonly appMax?: number | undefined;
  /** Requests a minute from one address. Unless said, one server, which has one address, can use the whole budget of its app. */
  readonly ipMax?: number | undefined;
  readonly clock?: Clock;
}

/** What is printed for a caller. */
interface Facts {
  readonly [fact: string]: unknown;
  readonly adminToken: string;
}

export async function aggMarket({ appMax = 18_000, ipMax = Math.max(appMax, 18_000), clock }: AggMarketSettings = {}): Promise<{ server: Express; facts: Facts }> {
  const keyring = keyringFor(appMax, ipMax, clock);
  const login = await signIn('agg-market');
  const apps = new Map<string, Settings>();
  const locked = (req: AppRequest): boolean => apps.get(appOf(req) ?? '')?.requireApiKey === true;

  const auth = apiKeyAuth(keyring, {
    credentials: header(KEY_HEADER),
    required: locked,
    // A request that names no app is for the app of its key.
    tenant: (req) => appOf(req) ?? null,
    anonymousLimits: [perMinute(ipMax)],
    refusals: { deliver: 'next', messages: { malformed_key: 'Invalid API key' } },
  });
  const mayWrite = auth.requireScopes('read_write');
  const signedIn: RequestHandler = async (req, _res, next) => {
    if ((await login.person(req))?.['role'] !== 'admin') throw new Refused(401, 'Sign in as an admin.');
    next();
  };

  const admin = express.Router({ mergeParams: true });
  const people = express.Router().use(auth.forbidApiKeys(), signedIn);
  const writers = express.Router({ mergeParams: true }).use(auth, mayWrite);
  admin.use('/keys', people, keyRoutes(keyring));
  admin.use('/settings', settingsRoutes(apps, people, writers));
  // Here and not only at the end, where the app in the path is forgotten.
  admin.use(refusalsFor(locked));

  const app = express();
  app.use((req, _res, next) => next(notAnApp('x-app-id', req.get('x-app-id'))));
  app.param('appId', (_req, _res, next, id: string) => next(notAnApp('appId', id)));
  app.use(express.json(), jsonOnly);
  app.use('/admin/apps/:appId', admin);
  // Every key may read.
  app.get('/markets', auth, (_req, res) => res.json({ markets: [{ id: 'rain-tomorrow', yes: 0.62 }] }));
  app.put('/members/:id', auth, mayWrite, (req, res) => res.json({ id: req.params['id'], app: principalOf(req).tenantId, profile: bodyOf(req, Profile) }));
  app.use(() => {
    throw new Refused(404, 'There is nothing here.');
  });
  app.use(refusalsFor(locked), answers(({ message, field, code }) => ({ error: message, field, code })));
  return { server: app, facts: { adminToken: await login.issue({ sub: 'admin', role: 'admin' }), rateLimitAppMax: appMax, rateLimitIpMax: ipMax, routes: ROUTES } };
}

await startWhenMain(import.meta.url, () => {
  const limit = wholeNumber(1, MOST).optional();
  return aggMarket({ appMax: setting('RATE_LIMIT_APP_MAX', limit), ipMax: setting('RATE_LIMIT_IP_MAX', limit) });
});
