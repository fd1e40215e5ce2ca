/**
 * A business suite's public API: Bearer keys with abilities, writes that can be repeated safely, and a log of requests in which no
 * token ever stands.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import express, { type Express, type RequestHandler } from 'express';
import { apiKeyAuth, bearer, createKeyring, memoryActivity, perMinute, principalOf, type ApiKey, type Keyring, type Owner } from 'keystile';
import { listenWhenMain, problems } from './host.js';

interface Contact {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  /** The key that has made the record, and who answers for that key. */
  readonly source: { readonly keyId: string; readonly key: string; readonly owner: Owner | undefined };
}

/** What came of a write, to be told again to whoever repeats it. */
interface Remembered {
  readonly body: string;
  readonly contact: Contact;
}

const MOST_REMEMBERED = 10_000;

export interface AgiledSettings {
  readonly adminToken?: string;
  readonly perMinute?: number;
  /** Where the request log goes. */
  readonly log?: (line: string) => void;
}

export function agiled({ adminToken = randomBytes(24).toString('hex'), perMinute: limit = 120, log = console.log }: AgiledSettings = {}): { app: Express; adminToken: string; keyring: Keyring<'contacts:read' | 'contacts:write' | 'read' | 'full'> } {
  const keyring = createKeyring({
    prefix: 'agl',
    formats: '{prefix}_{env}_{id}_{secret}{checksum}',
    scopes: { 'contacts:read': [], 'contacts:write': ['contacts:read'], read: ['contacts:read'], full: ['read', 'contacts:write'] },
    limits: { default: [perMinute(limit)] },
    activity: memoryActivity(),
    lifecycle: { gracePeriod: 60 * 60_000 },
  });
  // The token leaves the request as soon as it has been read: nothing behind can log it.
  const auth = apiKeyAuth(keyring, {
    credentials: bearer(),
    stripCredential: true,
    refusals: { messages: { missing_key: 'Send a key: Authorization: Bearer …', malformed_key: 'The key is incomplete; was it copied whole?', insufficient_scope: 'The key lacks this ability.' } },
  });
  const admin: RequestHandler = (req, res, next) => {
    const [given, wanted] = [req.get('x-admin-token') ?? '', adminToken].map((text) => Buffer.from(text));
    if (given?.length === wanted?.length && timingSafeEqual(given as Buffer, wanted as Buffer)) next();
    else res.status(401).json({ message: 'Sign in as an admin.' });
  };

  const app = express();
  app.use(express.json());
  app.use((req, res, next) => {
    res.on('finish', () => {
      log(`${req.method} ${req.originalUrl.split('?', 1)[0] ?? ''} ${String(res.statusCode)} ${req.apiKey?.id ?? '-'}`);
    });
    next();
  });

  const keys = express.Router();
  keys.use(auth.forbidApiKeys(), admin);
  keys.get('/', async (_req, res) => res.json({ data: (await keyring.list({ limit: 500 })).keys.map(shown) }));
  keys.post('/', async (req, res) => {
    const { name, access = 'read', environment = 'live', owner } = (req.body ?? {}) as { name: string; access?: 'read' | 'full'; environment?: string; owner?: Owner };
    const { key, apiKey } = await keyring.create({ name, environment, scopes: [access], ...(owner && { owner }) }, { by: 'admin' });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key });
  });
  keys.post('/:id/rotate', async (req, res) => {
    const { gracePeriodSeconds } = (req.body ?? {}) as { gracePeriodSeconds?: number };
    const { key, apiKey, previous } = await keyring.rotate(req.params.id, { by: 'admin', ...(gracePeriodSeconds !== undefined && { gracePeriod: gracePeriodSeconds * 1_000 }) });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key, previous: previous && shown(previous) });
  });
  keys.post('/:id/revoke', async (req, res) => {
    const { reason } = (req.body ?? {}) as { reason?: string };
    res.json(shown(await keyring.revoke(req.params.id, { by: 'admin', ...(reason !== undefined && { reason }) })));
  });
  keys.get('/:id/activity', async (req, res) => {
    const { entries } = await keyring.activity({ keyId: req.params.id, limit: 100 });
    res.json({ data: entries.map(({ at, ...entry }) => ({ at: iso(at), ...entry })) });
  });
  app.use('/admin/keys', keys);

  const contacts = new Map<string, Contact>();
  const remembered = new Map<string, Remembered>();
  const api = express.Router();
  api.use(auth);
  api.get('/me', (req, res) => {
    const { id, name, environment, owner, scopes } = principalOf(req);
    res.json({ id, name, environment, owner: owner ?? null, abilities: scopes });
  });
  api.get('/contacts', auth.requireScopes('contacts:read'), (_req, res) => res.json({ data: [...contacts.values()] }));
  api.get('/contacts/:id', auth.requireScopes('contacts:read'), (req, res) => {
    const contact = contacts.get(req.params['id']);
    if (contact === undefined) res.status(404).json({ message: 'There is no such contact.' });
    else res.json(contact);
  });
  api.post('/contacts', auth.requireScopes('contacts:write'), (req, res) => {
    const { email, name } = (req.body ?? {}) as Partial<Record<string, unknown>>;
    const errors = Object.entries({ email: typeof email === 'string' && /^[^@\s]+@[^@\s]+$/.test(email), name: typeof name === 'string' && name !== '' }).flatMap(([field, fits]) => (fits ? [] : [field]));
    if (errors.length > 0) return void res.status(422).json({ message: 'Some fields are missing or wrong.', errors });

    const caller = principalOf(req);
    const body = JSON.stringify([email, name]);
    // Another key's Idempotency-Key is another request.
    const idempotency = req.get('idempotency-key');
    const place = `${caller.id} ${idempotency ?? ''}`;
    const before = idempotency === undefined ? undefined : remembered.get(place);
    if (before !== undefined && before.body !== body) return void res.status(422).json({ message: 'This Idempotency-Key was used for another request.', errors: ['Idempotency-Key'] });
    if (before !== undefined) return void res.status(201).set('Idempotency-Replayed', 'true').json(before.contact);

    const contact: Contact = { id: `con_${randomBytes(8).toString('hex')}`, email: email as string, name: name as string, source: { keyId: caller.id, key: caller.name, owner: caller.owner } };
    contacts.set(contact.id, contact);
    if (idempotency !== undefined) {
      remembered.set(place, { body, contact });
      const [oldest] = remembered.keys();
      if (remembered.size > MOST_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    }
    res.status(201).json(contact);
  });
  app.use('/public/v1', api);
  app.use((_req, res) => res.status(404).json({ message: 'There is nothing here.' }));
  app.use(problems);
  return { app, adminToken, keyring };
}

const shown = ({ id, name, masked, environment, owner, scopes, status, createdAt, lastUsedAt, graceExpiresAt, rotatedFrom, replacedBy }: ApiKey): object => ({
  id, name, key: masked, environment, owner: owner ?? null, access: scopes[0], status,
  createdAt: iso(createdAt), lastUsedAt: iso(lastUsedAt), graceExpiresAt: iso(graceExpiresAt), rotatedFrom: rotatedFrom ?? null, replacedBy: replacedBy ?? null,
});

const iso = (time: number | undefined): string | null => (time === undefined ? null : new Date(time).toISOString());

listenWhenMain(import.meta.url, async () => {
  const { app, adminToken, keyring } = agiled(process.env['ADMIN_TOKEN'] === undefined ? {} : { adminToken: process.env['ADMIN_TOKEN'] });
  const { key } = await keyring.create({ name: 'Warehouse sync - production - Ops', scopes: ['full'], owner: { type: 'org', id: 'ops' } });
  return { app, hello: `Admin: X-Admin-Token: ${adminToken}\nA full-access key: ${key}` };
});
