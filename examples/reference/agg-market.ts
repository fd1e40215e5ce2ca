/**
 * A market data API whose apps bring their own keys: `agg_<appId>_<64 hex>` in `x-app-api-key`, scopes `read` and `read_write`,
 * one budget per app, and a switch by which an app asks for keys on every request.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import express, { type Express, type Request, type RequestHandler } from 'express';
import { apiKeyAuth, createKeyring, header, perMinute, type ApiKey, type LimitRule } from 'keystile';
import { listenWhenMain, problems } from './host.js';

interface App {
  name: string;
  description: string;
  requireApiKey: boolean;
}

export interface AggMarketSettings {
  /** Requests a minute of all of an app's keys together. */
  readonly appMax?: number;
  /** Requests a minute from one address, with a shared budget or without a key. */
  readonly ipMax?: number;
  readonly adminToken?: string;
}

export function aggMarket({ appMax = 18_000, ipMax = 600, adminToken = randomBytes(24).toString('hex') }: AggMarketSettings = {}): { app: Express; adminToken: string } {
  const keyring = createKeyring({
    formats: 'agg_{tenant}_{secret:hex:64}',
    scopes: { read: [], read_write: ['read'] },
    // Shared by all keys of an app, and each address is held back as well. A key with a budget of its own leaves both.
    limits: { default: [perMinute(appMax, { per: 'tenant' }), perMinute(ipMax, { per: 'ip' })] },
  });
  const apps = new Map<string, App>();
  const appOf = (id: string): App => {
    const known = apps.get(id) ?? { name: id, description: '', requireApiKey: false };
    apps.set(id, known);
    return known;
  };
  const appId = (req: Request): string | undefined => (req.params['appId'] as string | undefined) ?? req.get('x-app-id');
  const locked = (req: unknown): boolean => apps.get(appId(req as Request) ?? '')?.requireApiKey === true;

  const auth = apiKeyAuth(keyring, {
    credentials: header('x-app-api-key'),
    required: locked,
    tenant: (req) => appId(req as Request),
    anonymousLimits: [perMinute(ipMax)],
    refusals: {
      render: ({ status, detail, code }, req) => ({ error: status === 401 && locked(req) ? 'This app requires x-app-api-key for all requests.' : detail, code }),
    },
  });

  const isAdmin = (req: Request): boolean => {
    const given = Buffer.from(req.get('authorization') ?? '');
    const wanted = Buffer.from(`Bearer ${adminToken}`);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  };
  const admin: RequestHandler = (req, res, next) => {
    if (isAdmin(req)) next();
    else res.status(401).json({ error: 'Sign in as an admin.' });
  };
  const rulesOf = (rateLimit: unknown): LimitRule[] | null | undefined =>
    rateLimit === undefined || rateLimit === null ? (rateLimit) : [perMinute(rateLimit as number)];

  const app = express();
  app.use(express.json());

  const keys = express.Router({ mergeParams: true });
  keys.use(auth.forbidApiKeys(), admin);
  keys.post('/', async (req: Request<{ appId: string }>, res) => {
    const { name, scope, rateLimit } = (req.body ?? {}) as { name: string; scope: 'read' | 'read_write'; rateLimit?: number };
    const limits = rulesOf(rateLimit);
    const { key, apiKey } = await keyring.create({ name, scopes: [scope], tenantId: req.params.appId, ...(limits && { limits }) }, { by: 'admin' });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key });
  });
  keys.get('/', async (req: Request<{ appId: string }>, res) => {
    const { keys: found } = await keyring.list({ tenantId: req.params.appId, limit: 500 });
    res.json({ keys: found.map(shown) });
  });
  /** Another app's key is not there. */
  const own = async (req: Request<{ appId: string; id: string }>): Promise<ApiKey | undefined> => {
    const found = await keyring.get(req.params.id);
    return found?.tenantId === req.params.appId ? found : undefined;
  };
  keys.patch('/:id', async (req: Request<{ appId: string; id: string }>, res) => {
    const found = await own(req);
    if (found === undefined) return void res.status(404).json({ error: 'There is no such key.' });
    const limits = rulesOf(((req.body ?? {}) as { rateLimit?: unknown }).rateLimit);
    res.json(shown(await keyring.update(found.id, limits === undefined ? {} : { limits }, { by: 'admin' })));
  });
  keys.delete('/:id', async (req: Request<{ appId: string; id: string }>, res) => {
    const found = await own(req);
    if (found === undefined) return void res.status(404).json({ error: 'There is no such key.' });
    await keyring.revoke(found.id, { by: 'admin' });
    res.status(204).end();
  });
  app.use('/admin/apps/:appId/keys', keys);

  // A key may change an app's name, never what protects it: else a stolen key could lock its owner out.
  const settings: RequestHandler<{ appId: string }> = (req, res) => {
    const { requireApiKey, ...rest } = (req.body ?? {}) as Partial<App>;
    if (requireApiKey !== undefined && req.apiKey !== undefined) return void res.status(403).json({ error: 'Security settings are for signed-in admins.', code: 'api_key_not_accepted' });
    const values = { ...rest, ...(requireApiKey !== undefined && { requireApiKey }) };
    const wrong = Object.entries(values).find(([field, value]) => typeof value !== ({ name: 'string', description: 'string', requireApiKey: 'boolean' } as Record<string, string>)[field]);
    if (wrong !== undefined) return void res.status(422).json({ error: `${wrong[0]} cannot be set so.` });
    res.json(Object.assign(appOf(req.params.appId), values));
  };
  const byAdmin = [auth.forbidApiKeys(), settings] as RequestHandler<{ appId: string }>[];
  const byKey = [auth as RequestHandler, auth.requireScopes('read_write') as RequestHandler, settings] as RequestHandler<{ appId: string }>[];
  app.patch('/admin/apps/:appId/settings', (req, _res, next) => next(isAdmin(req) ? undefined : 'route'), ...byAdmin);
  app.patch('/admin/apps/:appId/settings', ...byKey);

  /** Where keys are optional, a key must have the scope and nobody else is asked. */
  const scoped = (scope: 'read' | 'read_write'): RequestHandler => {
    const guard = auth.requireScopes(scope);
    return (req, res, next) => (req.apiKey === undefined ? next() : guard(req, res, next));
  };
  app.get('/markets', auth, scoped('read'), (_req, res) => {
    res.json({ markets: [{ id: 'rain-tomorrow', yes: 0.62 }] });
  });
  app.put('/members/:id', auth, auth.requireScopes('read_write'), (req, res) => {
    res.json({ id: req.params['id'], app: req.apiKey?.tenantId });
  });
  app.use(problems);
  return { app, adminToken };
}

function shown({ id, name, masked, scopes, limits, status, createdAt, lastUsedAt }: ApiKey): object {
  const own = limits?.find((rule) => rule.kind === 'window');
  return { id, name, key: masked, scope: scopes[0], rateLimit: own?.limit ?? null, status, createdAt: iso(createdAt), lastUsedAt: iso(lastUsedAt) };
}

const iso = (time: number | undefined): string | null => (time === undefined ? null : new Date(time).toISOString());

listenWhenMain(import.meta.url, () => {
  const appMax = Number(process.env['RATE_LIMIT_APP_MAX'] ?? 18_000);
  const { app, adminToken } = aggMarket({ appMax, ...(process.env['ADMIN_TOKEN'] !== undefined && { adminToken: process.env['ADMIN_TOKEN'] }) });
  return { app, hello: `Admin: Authorization: Bearer ${adminToken}` };
});
