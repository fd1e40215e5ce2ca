/**
 * Wallets for agents: people sign in with a JWT and manage keys at `/api/v1/api-keys`; keys look like `awx_…`, and their account's
 * plan limits them by the minute, by the day and by how many requests run at once.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import express, { type Express, type RequestHandler } from 'express';
import { jwtVerify, SignJWT } from 'jose';
import { apiKeyAuth, concurrent, createKeyring, perDay, perMinute, type ApiKey, type Clock, type Keyring } from 'keystile';
import { listenWhenMain, problems } from './host.js';

interface Account {
  readonly id: string;
  readonly plan: 'starter' | 'growth' | 'enterprise';
  /** What an enterprise has agreed upon. */
  readonly custom?: { readonly perMinute: number; readonly perDay: number; readonly concurrent: number };
}

export interface AgentWallexSettings {
  readonly jwtSecret?: string;
  readonly clock?: Clock;
  /** Where reminders go. */
  readonly log?: (line: string) => void;
}

export function agentWallex({ jwtSecret = randomBytes(32).toString('hex'), clock, log = console.log }: AgentWallexSettings = {}): { app: Express; keyring: Keyring; signIn: (account: Account) => Promise<string> } {
  const secret = new TextEncoder().encode(jwtSecret);
  const keyring = createKeyring({
    prefix: 'awx',
    formats: '{prefix}_{id}_{secret}{checksum}',
    plans: {
      starter: [perMinute(60), perDay(10_000), concurrent(5)],
      growth: [perMinute(300), perDay(100_000), concurrent(25)],
      enterprise: [perMinute(3_000), perDay(1_000_000), concurrent(100)],
    },
    ...(clock && { clock }),
  });
  keyring.on('stale', ({ apiKey, reason }) => {
    log(`${apiKey.masked} (${apiKey.name}): ${reason}`);
  });

  const auth = apiKeyAuth(keyring, {
    refusals: {
      render: ({ status, code, detail, retryAfterSeconds }) =>
        status === 429
          ? { code: 'rate_limit_exceeded', type: 'rate_limit_error', message: `Rate limit exceeded. Retry after ${String(retryAfterSeconds ?? 1)} seconds.` }
          : { code, type: status === 401 ? 'authentication_error' : 'invalid_request_error', message: detail },
    },
  });

  /** Who is signed in; keys are managed by people, so an API key is refused before anything is read. */
  const signedIn: RequestHandler = async (req, res, next) => {
    const token = /^Bearer (\S+)$/i.exec(req.get('authorization') ?? '')?.[1];
    try {
      const { payload } = await jwtVerify<{ plan?: Account['plan']; custom?: Account['custom'] }>(token ?? '', secret, { algorithms: ['HS256'], requiredClaims: ['sub', 'exp'] });
      res.locals['account'] = { id: payload.sub, plan: payload.plan ?? 'starter', ...(payload.custom && { custom: payload.custom }) } as Account;
    } catch {
      res.status(401).json({ code: 'unauthorized', type: 'authentication_error', message: 'Sign in first.' });
      return;
    }
    next();
  };
  const accountOf = (res: { locals: Record<string, unknown> }): Account => res.locals['account'] as Account;

  const app = express();
  app.use(express.json());

  const keys = express.Router();
  keys.use(auth.forbidApiKeys(), signedIn);
  keys.post('/', async (req, res) => {
    const { id, plan, custom } = accountOf(res);
    const { name } = (req.body ?? {}) as { name: string };
    const limits = custom && [perMinute(custom.perMinute), perDay(custom.perDay), concurrent(custom.concurrent)];
    const { key, apiKey } = await keyring.create({ name, tenantId: id, plan, ...(limits && { limits }) }, { by: id });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key });
  });
  keys.get('/', async (_req, res) => {
    const { keys: found } = await keyring.list({ tenantId: accountOf(res).id, limit: 500 });
    res.json({ data: found.map(shown) });
  });
  /** Older than 90 days: to be rotated. */
  keys.get('/stale', async (_req, res) => {
    const stale = await keyring.checkStale();
    res.json({ data: stale.filter(({ apiKey, reason }) => reason === 'rotation_due' && apiKey.tenantId === accountOf(res).id).map(({ apiKey }) => shown(apiKey)) });
  });
  keys.delete('/:id', async (req, res) => {
    const { id } = accountOf(res);
    const found = await keyring.get(req.params.id);
    if (found?.tenantId !== id) return void res.status(404).json({ code: 'not_found', type: 'invalid_request_error', message: 'There is no such key.' });
    await keyring.delete(found.id, { by: id });
    res.status(204).end();
  });
  app.use('/api/v1/api-keys', keys);

  app.get('/api/v1/wallets', auth, (req, res) => {
    res.json({ data: [{ id: 'wallet_1', account: req.apiKey?.tenantId }] });
  });
  app.get('/api/v1/slow', auth, async (req, res) => {
    await wait(Math.min(10_000, Number(req.query['ms']) || 1_000));
    res.json({ data: 'done' });
  });
  app.use(problems);

  const signIn = async ({ id, plan, custom }: Account): Promise<string> =>
    new SignJWT({ plan, ...(custom && { custom }) }).setProtectedHeader({ alg: 'HS256' }).setSubject(id).setExpirationTime('2h').sign(secret);
  return { app, keyring, signIn };
}

const shown = ({ id, name, masked, createdAt, lastUsedAt }: ApiKey): object => ({
  id,
  name,
  prefix: masked,
  created_at: new Date(createdAt).toISOString(),
  last_used_at: lastUsedAt === undefined ? null : new Date(lastUsedAt).toISOString(),
});

listenWhenMain(import.meta.url, async () => {
  const { app, signIn } = agentWallex(process.env['JWT_SECRET'] === undefined ? {} : { jwtSecret: process.env['JWT_SECRET'] });
  const plan = (process.env['PLAN'] ?? 'starter') as Account['plan'];
  return { app, hello: `Signed in on plan ${plan}: Authorization: Bearer ${await signIn({ id: 'account-1', plan })}` };
});
