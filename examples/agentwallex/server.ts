/**
 * Wallets for agents: people sign in and manage the keys of their account, programs come with a key `awx_…`, and the account's plan
 * limits each key by the minute, by the day and by how many of its requests run at once.
 *
 * `npm run example agentwallex` prints one line of JSON: `tokens`, a signed-in person's for an account of each plan; `adminToken`,
 * the one of them that `PLAN` names (`starter` unless said); `plans`, their limits; `routes`; `rotateAfterSeconds`, the age at which keys are
 * reported (`ROTATE_AFTER_SECONDS`, 90 days unless said). Each key that has come of age is told in a further line of JSON, once a day.
 *
 * People, with `Authorization: Bearer <token>`:
 *   POST   /api/v1/api-keys {name}       the key stands in this answer alone
 *   GET    /api/v1/api-keys
 *   GET    /api/v1/api-keys/stale        those that are due for rotation
 *   DELETE /api/v1/api-keys/:id
 * Programs, with `X-API-Key: <key>` or `Authorization: Bearer <key>`:
 *   GET    /api/v1/wallets
 *   GET    /api/v1/slow?ms=1000          takes so long, 10,000 at most
 * Errors: `{code, type, message}`.
 */
import express, { type Express, type Request, type Response, type Router } from 'express';
import { setTimeout as wait } from 'node:timers/promises';
import { apiKeyAuth, concurrent, createKeyring, perDay, perMinute, principalOf, type ApiKey, type Clock, type LimitRule } from 'keystile';
import { z } from 'zod';
import { answers, bodyOf, checked, iso, jsonOnly, keysOf, Refused, setting, signIn, startWhenMain, wholeNumber, type SignIn } from '../host.js';

interface Limits {
  readonly perMinute: number;
  readonly perDay: number;
  readonly concurrent: number;
}

/** Whose keys they are, in the words of the login: an enterprise's limits are what was agreed upon with it. */
type Account = { readonly sub: string } & ({ readonly plan: 'starter' | 'growth' } | { readonly plan: 'enterprise'; readonly limits: Limits });

const PLANS: Readonly<Record<Account['plan'], Limits>> = {
  starter: { perMinute: 60, perDay: 10_000, concurrent: 5 },
  growth: { perMinute: 300, perDay: 100_000, concurrent: 25 },
  /** An agreement, for example. */
  enterprise: { perMinute: 1_200, perDay: 1_000_000, concurrent: 100 },
};
const rules = (limits: Limits): LimitRule[] => [perMinute(limits.perMinute), perDay(limits.perDay), concurrent(limits.concurrent)];

const ROUTES = ['POST /api/v1/api-keys {name}', 'GET /api/v1/api-keys', 'GET /api/v1/api-keys/stale', 'DELETE /api/v1/api-keys/:id', 'GET /api/v1/wallets', 'GET /api/v1/slow?ms=1000'];

const NewKey = z.strictObject({ name: z.string() });
const Slow = z.strictObject({ ms: wholeNumber(0, 10_000).default(1_000) });

/** Limits are each key's own: a plan says what one key may do, and two keys do not slow each other down. */
const keyringFor = (rotateAfterSeconds: number, clock: Clock | undefined) =>
  createKeyring({
    prefix: 'awx',
    formats: '{prefix}_{id}_{secret}{checksum}',
    plans: { starter: rules(PLANS.starter), growth: rules(PLANS.growth) },
    lifecycle: { rotateAfter: rotateAfterSeconds * 1_000 },
    ...(clock && { clock }),
  });
type WalletKeyring = ReturnType<typeof keyringFor>;

/** What `GET` shows of a key: `prefix` is its beginning and its last four characters. */
const shown = ({ id, name, masked, createdAt, lastUsedAt }: ApiKey): object => ({ id, name, prefix: masked, created_at: iso(createdAt), last_used_at: iso(lastUsedAt) });

const TYPES: Readonly<Record<number, string>> = { 401: 'authentication_error', 403: 'permission_error', 404: 'not_found_error', 429: 'rate_limit_error', 500: 'api_error', 503: 'api_error' };
const CODES: Readonly<Record<number, string>> = { 401: 'unauthorized', 404: 'not_found', 413: 'body_too_large', 415: 'unsupported_media_type', 422: 'invalid_field', 500: 'internal_error' };

/** Every error of this product. */
const problem = (status: number, message: string, code = CODES[status] ?? 'invalid_request'): object => ({ code, type: TYPES[status] ?? 'invalid_request_error', message });

const authFor = (keyring: WalletKeyring) =>
  apiKeyAuth(keyring, {
    refusals: {
      // Too much in a minute, in a day or at once: to a client it is all the same, wait so many seconds.
      render: ({ status, code, detail, retryAfterSeconds = 1 }) =>
        status === 429 ? problem(status, `Rate limit exceeded. Retry after ${String(retryAfterSeconds)} seconds.`, 'rate_limit_exceeded') : problem(status, detail, code),
    },
  });

/** Keys are managed by people: nobody makes keys with a key. */
function keyRoutes(keyring: WalletKeyring, login: SignIn, isStale: (apiKey: ApiKey) => boolean): Router {
  const accountOf = (res: Response): Account => res.locals['account'] as Account;
  const router = express.Router();
  router.use(async (req, res, next) => {
    res.locals['account'] = await login.person(req);
    if (res.locals['account'] === undefined) throw new Refused(401, 'Sign in first.');
    next();
  });
  router.post('/', async (req, res) => {
    const [account, { name }] = [accountOf(res), bodyOf(req, NewKey)];
    const limits = account.plan === 'enterprise' ? { limits: rules(account.limits) } : { plan: account.plan };
    const { key, apiKey } = await keyring.create({ name, tenantId: account.sub, ...limits }, { by: account.sub });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key });
  });
  router.get('/', async (_req, res) => res.json({ data: (await keysOf(keyring, accountOf(res).sub)).map(shown) }));
  router.get('/stale', async (_req, res) => res.json({ data: (await keysOf(keyring, accountOf(res).sub)).filter(isStale).map(shown) }));
  router.delete('/:id', async ({ params: { id } }: Request<{ id: string }>, res) => {
    const { sub } = accountOf(res);
    // Another account's key is not there. A second time changes nothing.
    const found = await keyring.get(id, { deleted: true });
    if (found?.tenantId !== sub) throw new Refused(404, 'There is no such key.');
    await keyring.delete(id, { by: sub });
    res.status(204).end();
  });
  return router;
}

interface AgentWallexSettings {
  /** Whose token is printed as `adminToken`. */
  readonly plan?: Account['plan'];
  /** The age at which a key is due for rotation. */
  readonly rotateAfterSeconds?: number;
  readonly clock?: Clock;
  /** Where reminders go. */
  readonly log?: (line: string) => void;
}

/** What is printed for a caller. */
interface Facts {
  readonly [fact: string]: unknown;
  readonly adminToken: string;
  readonly tokens: Readonly<Record<Account['plan'], string>>;
}

/** What has been started, and the login's way to let in an account: `issue` makes its token. */
interface AgentWallex {
  readonly server: Express;
  readonly facts: Facts;
  readonly keyring: WalletKeyring;
  issue(account: Account): Promise<string>;
}

export async function agentWallex({ plan = 'starter', rotateAfterSeconds = 90 * 86_400, clock, log = console.log }: AgentWallexSettings = {}): Promise<AgentWallex> {
  const keyring = keyringFor(rotateAfterSeconds, clock);
  const login = await signIn('agentwallex');
  const issue = (account: Account): Promise<string> => login.issue({ ...account });
  const auth = authFor(keyring);

  // Looked for a minute after the start and then once a day.
  keyring.on('stale', ({ apiKey, reason }) => {
    if (reason === 'rotation_due') log(JSON.stringify({ event: 'rotation_due', account: apiKey.tenantId, ...shown(apiKey) }));
  });
  const isStale = ({ createdAt }: ApiKey): boolean => (clock ?? Date).now() - createdAt >= rotateAfterSeconds * 1_000;

  const app = express();
  app.use(express.json(), jsonOnly);
  app.use('/api/v1/api-keys', auth.forbidApiKeys(), keyRoutes(keyring, login, isStale));
  app.get('/api/v1/wallets', auth, (req, res) => res.json({ data: [{ id: 'wallet_1', account: principalOf(req).tenantId }] }));
  app.get('/api/v1/slow', auth, async (req, res) => {
    const { ms } = checked(req.query, Slow);
    await wait(ms);
    res.json({ data: { waited_ms: ms } });
  });
  app.use(() => {
    throw new Refused(404, 'There is nothing here.');
  });
  app.use(answers(({ status, message }) => problem(status, message)));

  const tokens = {
    starter: await issue({ sub: 'account-starter', plan: 'starter' }),
    growth: await issue({ sub: 'account-growth', plan: 'growth' }),
    enterprise: await issue({ sub: 'account-enterprise', plan: 'enterprise', limits: PLANS.enterprise }),
  };
  const facts: Facts = { adminToken: tokens[plan], tokens, plans: PLANS, rotateAfterSeconds, routes: ROUTES };
  return { server: app, facts, keyring, issue };
}

await startWhenMain(import.meta.url, () =>
  agentWallex({
    plan: setting('PLAN', z.enum(['starter', 'growth', 'enterprise']).default('starter')),
    rotateAfterSeconds: setting('ROTATE_AFTER_SECONDS', wholeNumber(1, 3_000_000_000).default(90 * 86_400)),
  }),
);
