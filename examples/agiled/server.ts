/**
 * A business suite's public API: Bearer keys with abilities, writes that can be repeated safely, and a log of requests in which no
 * token ever stands.
 *
 * `npm run example agiled` prints one line of JSON: `adminToken`, a signed-in person's; `keys.full` and `keys.readOnly`, two of
 * production; `apis`, where each environment's API is; `requestsPerMinute` for each key (from `REQUESTS_PER_MINUTE`); `routes`. A line
 * of JSON for each request follows.
 *
 * People, with `Authorization: Bearer <adminToken>`:
 *   POST /admin/keys {name, access?, environment?, owner?}   access: read-only, full-access; environment: production, staging
 *   GET  /admin/keys                                         newest first; ?cursor= for the next page
 *   POST /admin/keys/:id/rotate {gracePeriodSeconds?}        the old key works that long, an hour unless said; 0 ends it at once
 *   POST /admin/keys/:id/revoke {reason?}
 *   GET  /admin/keys/:id/activity                            who did what with the key, when, from where; ?cursor=
 * Programs, with `Authorization: Bearer <key>`, here in production (staging: /staging/public/v1):
 *   GET  /public/v1/me, /public/v1/contacts, /public/v1/contacts/:id
 *   POST /public/v1/contacts {email, name}                   with an Idempotency-Key the same write, repeated, makes one record
 * Errors: `{message, code?, errors?: {field: what is wrong}}`.
 */
import { randomUUID } from 'node:crypto';
import express, { type Express, type Request, type RequestHandler, type Response, type Router } from 'express';
import { apiKeyAuth, bearer, createKeyring, keyFormat, logRedaction, memoryActivity, perMinute, principalOf, type ApiKey, type ApiKeyAuth, type Attribution, type Owner, type Principal } from 'keystile';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { answers, bodyOf, iso, jsonOnly, Refused, setting, signIn, startWhenMain, wholeNumber, type Fault, type SignIn } from '../host.js';

/** Each environment has keys, data and a base of its own: what is tried out in one never touches another. */
const APIS = { production: '/public/v1', staging: '/staging/public/v1' } as const;

const ROUTES = [
  'POST /admin/keys {name, access?, environment?, owner?}', 'GET /admin/keys', 'POST /admin/keys/:id/rotate {gracePeriodSeconds?}', 'POST /admin/keys/:id/revoke {reason?}',
  'GET /admin/keys/:id/activity', 'GET /public/v1/me', 'GET /public/v1/contacts', 'GET /public/v1/contacts/:id', 'POST /public/v1/contacts {email, name}',
];

type Ability = 'contacts:read' | 'contacts:write';
type Access = 'read-only' | 'full-access';

const label = z.string().trim().min(1).max(256);
const NewKey = z.strictObject({
  name: label,
  access: z.enum(['read-only', 'full-access']).default('read-only'),
  environment: z.enum(['production', 'staging']).default('production'),
  owner: z.strictObject({ type: z.enum(['user', 'org', 'service']), id: label }).optional(),
});
const Rotation = z.strictObject({ gracePeriodSeconds: z.int().min(0).max(7 * 86_400).default(3_600) });
const Revocation = z.strictObject({ reason: z.string().min(1).max(1_024).optional() });
const NewContact = z.strictObject({ email: z.email().max(256), name: label });
const IdempotencyKey = /^[\x21-\x7e]{1,255}$/;

interface Contact extends z.infer<typeof NewContact> {
  readonly id: string;
  readonly createdAt: string;
  /** The key that has made the record, and who answered for that key. */
  readonly source: { readonly keyId: string; readonly keyName: string };
  readonly owner: Owner | undefined;
}

const keyringFor = (requestsPerMinute: number) =>
  createKeyring({
    formats: keyFormat(undefined, { prefix: 'agl', environments: Object.keys(APIS) }),
    scopes: { 'contacts:read': [], 'contacts:write': [], 'read-only': ['contacts:read'], 'full-access': ['read-only', 'contacts:write'] },
    limits: { default: [perMinute(requestsPerMinute)] },
    activity: memoryActivity(),
  });
type SuiteKeyring = ReturnType<typeof keyringFor>;
type Auth = ApiKeyAuth<Ability | Access>;

/**
 * A new key belongs to an integration, whose name goes into its metadata: rotation hands that down, so that the integration stays
 * the same one, whichever key it has at the moment.
 */
const issue = (keyring: SuiteKeyring, { access, ...settings }: z.infer<typeof NewKey> & { owner: Owner }, attribution: Attribution = {}) =>
  keyring.create({ ...settings, scopes: [access], metadata: { integration: randomUUID() } }, attribution);

const problem = ({ message, code, field, errors }: Partial<Fault>): object => ({ message, code, errors: errors ?? (field === undefined ? undefined : { [field]: message }) });

const shown = ({ id, name, masked, environment, owner, scopes, status, createdAt, lastUsedAt, graceExpiresAt, revokedReason, rotatedFrom, replacedBy }: ApiKey): object => ({
  id, name, key: masked, environment, owner, access: scopes[0], status,
  createdAt: iso(createdAt), lastUsedAt: iso(lastUsedAt), graceExpiresAt: iso(graceExpiresAt), revokedReason, rotatedFrom, replacedBy,
});

/** Stands before everything that may refuse a request. The path may be anything, a key that was pasted there included. */
function requestLog(keyring: SuiteKeyring, log: (line: string) => void): RequestHandler {
  const { redactKeys } = logRedaction(keyring);
  return (req, res, next) => {
    const [path = ''] = req.originalUrl.split('?', 1);
    res.on('close', () => {
      log(JSON.stringify({ at: iso(Date.now()), method: req.method, path: redactKeys(path), status: res.statusCode, keyId: req.apiKey?.id }));
    });
    next();
  };
}

/** Keys, for people: nobody makes keys with a key. */
function apiSettings(keyring: SuiteKeyring, auth: Auth, people: SignIn): Router {
  const actor = (req: Request, res: Response): { by: string; ip?: string } => ({ by: res.locals['person'] as string, ...(req.ip !== undefined && { ip: req.ip }) });
  const { redactKeys } = logRedaction(keyring);
  const cursor = ({ query }: Request): { cursor?: string } => (typeof query['cursor'] === 'string' ? { cursor: query['cursor'] } : {});
  const router = express.Router();
  router.use(auth.forbidApiKeys(), async (req, res, next) => {
    const person = await people.person(req);
    if (person === undefined) throw new Refused(401, 'Sign in.');
    res.locals['person'] = person.sub;
    next();
  });
  router.param('id', async (_req, _res, next, id: string) => {
    if (!/^\w{1,64}$/.test(id) || (await keyring.get(id)) === undefined) throw new Refused(404, 'There is no such key.');
    next();
  });

  router.get('/', async (req, res) => {
    const { keys, nextCursor } = await keyring.list({ limit: 100, ...cursor(req) });
    res.json({ data: keys.map(shown), nextCursor });
  });
  router.post('/', async (req, res) => {
    const [settings, { by, ...from }] = [bodyOf(req, NewKey), actor(req, res)];
    const { key, apiKey } = await issue(keyring, { ...settings, owner: settings.owner ?? { type: 'user', id: by } }, { by, ...from });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key });
  });
  router.post('/:id/rotate', async (req, res) => {
    const { gracePeriodSeconds } = bodyOf(req, Rotation);
    const { key, apiKey, previous } = await keyring.rotate(req.params.id, { gracePeriod: gracePeriodSeconds * 1_000, ...actor(req, res) });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key, previous: previous && shown(previous) });
  });
  router.post('/:id/revoke', async (req, res) => {
    const { reason } = bodyOf(req, Revocation);
    res.json(shown(await keyring.revoke(req.params.id, { ...actor(req, res), ...(reason !== undefined && { reason }) })));
  });
  router.get('/:id/activity', async (req, res) => {
    const { entries, nextCursor } = await keyring.activity({ keyId: req.params.id, limit: 100, ...cursor(req) });
    res.json({ data: entries.map(({ at, path, ...entry }) => ({ at: iso(at), ...entry, path: path && redactKeys(path) })), nextCursor });
  });
  return router;
}

/** The API of one environment, with data of its own. */
function publicApi(auth: Auth): Router {
  const contacts = new Map<string, Contact>();
  // A write is remembered for a day, or until ten thousand later ones have come.
  const writes = new LRUCache<string, { readonly fields: string; readonly contact: Contact }>({ max: 10_000, ttl: 86_400_000 });

  const create = (fields: z.infer<typeof NewContact>, { id: keyId, name: keyName, owner }: Principal): Contact => {
    const contact = { id: randomUUID(), ...fields, createdAt: new Date().toISOString(), source: { keyId, keyName }, owner };
    contacts.set(contact.id, contact);
    return contact;
  };
  /** Nothing is awaited between looking and noting, so that of two requests at once one creates and the other repeats. */
  const createOnce = (fields: z.infer<typeof NewContact>, caller: Principal, idempotencyKey: string): { contact: Contact; replayed: boolean } => {
    if (!IdempotencyKey.test(idempotencyKey)) throw new Refused(422, 'Idempotency-Key: must be 1 to 255 visible characters', 'Idempotency-Key');
    const [place, wanted] = [JSON.stringify([caller.metadata['integration'], idempotencyKey]), JSON.stringify(fields)];
    const before = writes.get(place);
    if (before !== undefined && before.fields !== wanted) throw new Refused(422, 'Idempotency-Key: was used for another request', 'Idempotency-Key');
    if (before !== undefined) return { contact: before.contact, replayed: true };
    const contact = create(fields, caller);
    writes.set(place, { fields: wanted, contact });
    return { contact, replayed: false };
  };

  const api = express.Router();
  api.use(auth);
  api.get('/me', (req, res) => {
    const { id, name, environment, owner, scopes } = principalOf(req);
    res.json({ id, name, environment, owner, abilities: scopes });
  });
  api.get('/contacts', auth.requireScopes('contacts:read'), (_req, res) => res.json({ data: [...contacts.values()] }));
  api.get('/contacts/:id', auth.requireScopes('contacts:read'), (req, res) => {
    const contact = contacts.get(req.params['id']);
    if (contact === undefined) throw new Refused(404, 'There is no such contact.');
    res.json(contact);
  });
  api.post('/contacts', auth.requireScopes('contacts:write'), (req, res) => {
    const [fields, caller, idempotencyKey] = [bodyOf(req, NewContact), principalOf(req), req.get('idempotency-key')];
    const { contact, replayed } = idempotencyKey === undefined ? { contact: create(fields, caller), replayed: false } : createOnce(fields, caller, idempotencyKey);
    res.status(201).set('Idempotency-Replayed', String(replayed)).json(contact);
  });
  return api;
}

const authFor = (keyring: SuiteKeyring, environment: string): Auth =>
  apiKeyAuth(keyring, {
    credentials: bearer(),
    environment,
    // Nothing behind needs the key, so nothing gets to see it.
    stripCredential: true,
    refusals: {
      messages: {
        missing_key: 'Send a key: Authorization: Bearer agl_…',
        malformed_key: 'The key is incomplete; was it copied whole?',
        insufficient_scope: 'The key lacks an ability',
        wrong_environment: 'The key is for another environment, whose API is elsewhere.',
      },
      render: ({ detail, code, missingScopes = [] }) => problem({ message: [detail, ...missingScopes].join(': '), code }),
    },
  });

export interface AgiledSettings {
  readonly requestsPerMinute?: number;
  readonly log?: (line: string) => void;
}

/** What is printed for a caller. */
interface Facts {
  readonly [fact: string]: unknown;
  readonly adminToken: string;
  readonly keys: { readonly full: string; readonly readOnly: string };
}

export async function agiled({ requestsPerMinute = 120, log = console.log }: AgiledSettings = {}): Promise<{ server: Express; facts: Facts }> {
  const keyring = keyringFor(requestsPerMinute);
  const people = await signIn('agiled');

  const app = express();
  app.use(requestLog(keyring, log), express.json(), jsonOnly);
  app.use('/admin/keys', apiSettings(keyring, authFor(keyring, 'production'), people));
  for (const [environment, path] of Object.entries(APIS)) app.use(path, publicApi(authFor(keyring, environment)));
  app.use(() => {
    throw new Refused(404, 'There is nothing here.');
  });
  app.use(answers(problem, { 'revoke.reason': 'reason' }));

  const settings = { environment: 'production', owner: { type: 'org', id: 'Ops' } } as const;
  const full = await issue(keyring, { ...settings, name: 'Warehouse sync - production - Ops', access: 'full-access' });
  const readOnly = await issue(keyring, { ...settings, name: 'Monthly report - production - Ops', access: 'read-only' });
  return { server: app, facts: { adminToken: await people.issue({ sub: 'admin@ops.example' }), keys: { full: full.key, readOnly: readOnly.key }, apis: APIS, requestsPerMinute, routes: ROUTES } };
}

await startWhenMain(import.meta.url, () => agiled({ requestsPerMinute: setting('REQUESTS_PER_MINUTE', wholeNumber(1, 1_000_000).default(120)) }));
